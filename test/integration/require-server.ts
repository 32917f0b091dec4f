/**
 * Before the integration tests: the environment must name a server that answers. Otherwise the run fails, it never skips.
 * `S3_SERVER` names its kind, for what kinds do differently.
 */
export default async function requireServer(): Promise<void> {
  for (const name of ['S3_ENDPOINT', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION']) {
    if (!process.env[name])
      throw new Error(`${name} is not set: start a server with scripts/servers/ and export what it prints`)
  }
  const { S3_ENDPOINT: endpoint = '', S3_SERVER: kind = '' } = process.env
  if (!['ceph16', 'ceph20', 'moto'].includes(kind)) {
    throw new Error(`S3_SERVER is '${kind}'; known are ceph16, ceph20 and moto`)
  }
  // Any answer will do; no answer rejects, which fails the run.
  await (await fetch(endpoint)).body?.cancel()
}
