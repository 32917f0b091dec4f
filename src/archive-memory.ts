import type { TokenHistory } from './download/access-token.js'
import type { AnyWhatsAppMediaError } from './errors.js'

/** What calls of `archiveMedia` leave to each other. */
export interface ArchiveMemory {
  /** For calls about the same number. */
  tokens: TokenHistory
  /** For calls about the same media. Left out: no other call follows. */
  seen?: SeenHash
  /** Told when a look-up has succeeded: the token is good. */
  onLookUp?: () => void
}

/** The hash that the last whole download had in place of the announced one. */
export interface SeenHash {
  sha256?: string | undefined
}

/** A body of the right size and another hash than announced counts; every other fault says nothing about the bytes. */
export function noteHash(error: AnyWhatsAppMediaError, seen: SeenHash): void {
  if (error.code !== 'integrity-mismatch' || error.observedSize !== error.expectedSize) return
  seen.sha256 = error.observedSha256 ?? seen.sha256
}
