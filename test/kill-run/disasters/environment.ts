/** What the environment names. Without it the run fails, it never skips. */
export function readEnvironment(name: 'S3_ENDPOINT' | 'S3_SERVER'): string {
  const { [name]: value } = process.env
  if (!value) throw new Error(`${name} is not set: start scripts/servers/start-ceph.sh 20 and export what it prints`)
  return value
}

/** The whole number of that name, or the one to use without it. */
export function readCount(name: 'KILL_RUN_MEDIA' | 'KILL_RUN_ROUNDS' | 'KILL_RUN_SEED', otherwise: number): number {
  const { [name]: value } = process.env
  const count = value ? Number(value) : otherwise
  if (!(Number.isSafeInteger(count) && count > 0))
    throw new Error(`${name} must be a whole number from 1, got ${value}`)
  return count
}
