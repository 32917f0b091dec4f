/** The file of a test vector in public use: 58 bytes on the CDN, 41 bytes of plaintext. */
export const CDN_FILE: Buffer = Buffer.from(
  'PIVI1c+0+3Nt403UD3oCbq2eWSlmsUnWNL532dyrgSOcA8Nkb69I2v4oyPcNo3m+d4ze28E0cg1BNw==',
  'base64',
)

export const PLAINTEXT: Buffer = Buffer.from('\xff\xd8\xff\xe0 not really a JPEG, but it will do \xff\xd9', 'latin1')

/** As the wire has it. */
export const WIRE_KEYS = {
  encrypted_hash: '85aqeRz2m8zDh7DPwNdCHC1R6hCjx/HESpqxY28SzQc=',
  iv: 'EAkY1FlSrvg/JS/8LaX5sg==',
  encryption_key: 'wuxITdX/pjPK2J+R0mDLrMesIhr879tBhlkkuDUXRf0=',
  hmac_key: 'RRYR0UqVKprIP1kgh4OzMpVJtaHsZ8P4twbn1Nt3QFU=',
  plaintext_hash: 'ERE3ec+CCwt4Fcimp8Kv1R/9A51nIOE/rvO2k3DpZKs=',
}
