import { readField, readTextField } from './thrown.js'

/** What is wrong around an app, and what its operator does about it. No other attempt mends it. */
export interface SetupFault {
  /** A name for programs. */
  reason: string
  /** For people: what is missing, and how to get it. */
  advice: string
}

/** A package that apps install themselves. */
export interface OptionalPackage {
  name: string
  /** What `npm install` is given. Default: the name. */
  install?: string | undefined
}

/** Faults of the machine, which pass. */
const PASSING_SYSTEM_CODES = /^E(?:MFILE|NFILE|NOMEM|AGAIN|INTR|IO|BUSY)$/
const NOT_FOUND = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']
/** Of Node, Jest and Bun; Deno; Workers; Vite. */
const SAYS_NOT_FOUND =
  /^(?:cannot find (?:package|module)|could not (?:find|resolve)|no such module|failed to (?:resolve|load))\b/i
/** The first name in quotes is the module that was not found; `@scope/name/part` is a part of `@scope/name`. */
const FOUND_NAME = /["'`](?:npm:)?((?:@[\w.-]+\/)?[\w.-]+)(?:@[\d.^~]+)?(?:\/[\w./-]+)?["'`]/

/**
 * Loads a package that an app installs itself.
 *
 * @throws Error with the code `package-missing`, or `package-broken` for one that is there and can't be loaded; its message
 *   says what to install. A fault of the machine, such as `EMFILE`, as it came.
 */
export async function loadPackage<T>(asked: OptionalPackage, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const code = readTextField(error, 'code')
    throw PASSING_SYSTEM_CODES.test(code) ? error : describeLoadFailure(asked, error)
  }
}

function describeLoadFailure({ name, install = name }: OptionalPackage, error: unknown): Error {
  const message = readTextField(error, 'message')
  const isAbsent = NOT_FOUND.includes(readTextField(error, 'code')) || SAYS_NOT_FOUND.test(message)
  const absent = FOUND_NAME.exec(message)?.[1] ?? name
  if (isAbsent && absent === name) {
    return createPackageFault('package-missing', `The package ${name} is not installed: npm install ${install}`)
  }
  const problem = isAbsent ? `it does not find ${absent}` : 'it is broken, or does not fit this runtime'
  return createPackageFault(
    'package-broken',
    `The package ${name} can't be loaded: ${problem}. Install it anew: npm install ${install}`,
  )
}

type PackageFaultCode = 'package-missing' | 'package-broken' | 'package-too-old'

const PACKAGE_FAULTS: readonly unknown[] = [
  'package-missing',
  'package-broken',
  'package-too-old',
] satisfies PackageFaultCode[]

function createPackageFault(code: PackageFaultCode, message: string): Error {
  return Object.assign(new Error(message), { code })
}

/**
 * Refuses a version that is older than `least`, both as `3.729`. A version that can't be read passes: another copy or a
 * test may have taken its place.
 *
 * @throws Error with the code `package-too-old`.
 */
export function checkPackageVersion(
  { name, install = name }: OptionalPackage,
  { found, least }: { found: unknown; least: string },
): void {
  const [major, minor] = readVersion(found)
  const [leastMajor = 0, leastMinor = 0] = readVersion(least)
  if (major === undefined || minor === undefined) return
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return
  const problem = `The package ${name} is of version ${major}.${minor}, and ${least} or newer is needed`
  throw createPackageFault('package-too-old', `${problem}: npm install ${install}`)
}

function readVersion(version: unknown): number[] {
  const [, major, minor] = /^(\d{1,6})\.(\d{1,6})(?!\d)/.exec(typeof version === 'string' ? version : '') ?? []
  return major === undefined || minor === undefined ? [] : [Number(major), Number(minor)]
}

/** The SDK's own errors have a message where others have a code. */
const SDK_FAULTS: readonly [fits: (thrown: { name: string; message: string }) => boolean, SetupFault][] = [
  [
    ({ message }) => message.startsWith('Region is missing'),
    {
      reason: 'region-missing',
      advice:
        'No region is set: give the option region, or set AWS_REGION, or a region in the profile that AWS_PROFILE names. ' +
        'Most stores other than AWS take any, such as us-east-1',
    },
  ],
  [
    ({ message }) => message.startsWith('Region not accepted'),
    {
      reason: 'region-malformed',
      advice:
        "The region is not a region's name, which has letters, digits and hyphens only: see the option region and AWS_REGION",
    },
  ],
  [
    ({ name, message }) =>
      /^(?:CredentialsProvider|TokenProvider|Provider)Error$/.test(name) && /expired/i.test(message),
    {
      reason: 'credentials-expired',
      advice:
        'The credentials have expired: renew them (aws sso login, or a new session token), or give the option credentials a function that does',
    },
  ],
  [
    ({ name, message }) =>
      /^(?:CredentialsProvider|TokenProvider|Provider)Error$/.test(name) ||
      message.startsWith('Resolved credential object is not valid'),
    {
      reason: 'CredentialsProviderError',
      advice:
        'No complete credentials were found: give the option credentials (accessKeyId and secretAccessKey), or set both ' +
        'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; on AWS, give the function, container or instance a role',
    },
  ],
]

/** The fault of the app's installation or settings that an error tells of, if it does. */
export function findSetupFault(error: unknown): SetupFault | undefined {
  const [code, name, message] = [
    readField(error, 'code'),
    readTextField(error, 'name'),
    readTextField(error, 'message'),
  ]
  // The SDK loads some of its packages late.
  if (NOT_FOUND.some((each) => each === code)) {
    const absent = FOUND_NAME.exec(message)?.[1]
    const advice = absent === undefined ? 'A package is not installed' : `The package ${absent} is not installed`
    return { reason: 'package-missing', advice: `${advice}: install the app's packages anew` }
  }
  if (PACKAGE_FAULTS.includes(code)) return { reason: String(code), advice: message }
  return SDK_FAULTS.find(([fits]) => fits({ name, message }))?.[1]
}
