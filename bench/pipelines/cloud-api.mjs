// What a service writes by hand to ask the Cloud API for media: the look-up, then the bytes, both with the token.

export const AUTHORIZED = { headers: { authorization: 'Bearer bench' } }

/** The look-up's answer: `{ url, mime_type, sha256, file_size }`. */
export async function lookUp(source, id) {
  const response = await fetch(`${source}/v25.0/${id}`, AUTHORIZED)
  if (!response.ok) throw new Error(`look-up: HTTP ${response.status}`)
  return response.json()
}

export async function download(url) {
  const response = await fetch(url, AUTHORIZED)
  if (!response.ok) throw new Error(`download: HTTP ${response.status}`)
  return response
}
