import { configFromEnv } from '../config-from-env.js'
import { InvalidOptionError } from '../errors.js'
import { defined } from '../json.js'
import { createFileSystemStorage } from '../storage/file-system.js'
import { createS3Storage } from '../storage/s3.js'
import type { ObjectStorage } from '../storage.js'
import type { CommandContext, OptionHelp } from './command.js'
import { type Flags, getText, parseUrlFlag, toDashed } from './flags.js'

/** The options of every command that opens the storage. */
export const STORAGE_OPTIONS: readonly OptionHelp[] = [
  ['--bucket <name>', 'S3 bucket; default S3_BUCKET_NAME'],
  ['--region <name>', 'AWS region; default AWS_REGION'],
  ['--endpoint <url>', 'S3-compatible server; default S3_ENDPOINT'],
  ['--public-endpoint <url>', 'Where readers reach it, for signed URLs'],
  ['--directory <path>', 'Objects as files in a folder, in place of a bucket'],
]

/** The storage that the options and the environment name, and the start of its keys. */
export interface OpenedStorage {
  storage: ObjectStorage
  /** `WHATSAPP_MEDIA_PREFIX`, as an option. */
  keys: { prefix?: string | undefined }
}

/**
 * Opens the storage without a request. Options win over the environment; the SDK finds AWS credentials by itself. A folder
 * signs URLs with an address (`--public-endpoint`) and a secret (`WHATSAPP_MEDIA_URL_SECRET`).
 *
 * @throws InvalidOptionError for options of the wrong form, and for options that do not go together.
 */
export function openStorage(flags: Flags, env: CommandContext['env']): OpenedStorage {
  const config = configFromEnv(env)
  const keys = defined({ prefix: config.prefix })
  const directory = getText(flags, 'directory')
  if (directory !== undefined) return { storage: openDirectory(directory, flags, env), keys }
  const bucket = getText(flags, 'bucket') ?? config.bucket
  if (bucket === undefined) {
    throw new InvalidOptionError({ option: '--bucket', problem: 'is needed (or S3_BUCKET_NAME), or --directory' })
  }
  const options = defined({
    bucket,
    region: getText(flags, 'region') ?? config.region,
    endpoint: parseUrlFlag(flags, 'endpoint') ?? config.endpoint,
    publicEndpoint: parseUrlFlag(flags, 'publicEndpoint'),
  })
  return { storage: createS3Storage(options), keys }
}

function openDirectory(directory: string, flags: Flags, env: CommandContext['env']): ObjectStorage {
  for (const name of ['bucket', 'region', 'endpoint']) {
    if (flags[name] !== undefined)
      throw new InvalidOptionError({ option: toDashed(name), problem: 'does not go with --directory' })
  }
  const baseUrl = parseUrlFlag(flags, 'publicEndpoint')
  const secret = env['WHATSAPP_MEDIA_URL_SECRET']
  return createFileSystemStorage({ directory, ...(baseUrl === undefined ? {} : { baseUrl, secret }) })
}
