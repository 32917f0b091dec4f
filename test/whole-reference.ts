import type { MediaReference } from '../src/media-reference.js'

/** A reference with every field. */
export const reference: MediaReference = {
  mediaId: '1013859600285441',
  mediaType: 'document',
  mimeType: 'application/pdf',
  sha256: 'a'.repeat(64),
  filename: 'Payslip.pdf',
  caption: 'for you',
  voice: false,
  animated: false,
  downloadUrl: 'https://lookaside.fbsbx.com/x',
  downloadUrlExpiresAt: '2026-11-22T10:05:00.000Z',
  messageId: 'wamid.A',
  timestamp: '2026-11-22T10:00:00.000Z',
  receivedAt: '2026-11-22T10:00:01.000Z',
  from: '15550001111',
  fromUserId: 'US.1',
  contact: { phone: '15550001111', userId: 'US.1', parentUserId: 'US.ENT.1' },
  group: 'Y2FwaV9ncm91cDox',
  phoneNumberId: '106540352242922',
  businessAccountId: '102290129340398',
  direction: 'inbound',
  origin: 'message',
}
