// Speaks MongoDB's wire protocol before PostgreSQL with Microsoft's DocumentDB extension. BSON passes untouched between
// the driver and documentdb_api: every decision about queries, updates, indexes and types is DocumentDB's.
// For tests: loopback only, no authentication, no transactions.
//   node mongo-gateway.mjs --port 19027 --postgres 19432
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'
import mongoose from 'mongoose'
import pg from 'pg'

const { serialize, deserialize } = mongoose.mongo.BSON
const { values } = parseArgs({ options: { port: { type: 'string' }, postgres: { type: 'string' } } })

const pool = new pg.Pool({ host: '127.0.0.1', port: Number(values.postgres), user: 'postgres', database: 'postgres' })
pool.on('connect', (client) =>
  client.query('set search_path = documentdb_api, documentdb_core, public').catch(() => {}),
)
pool.on('error', () => {})

// --- errors ---------------------------------------------------------------------------------------------------------

class CommandError extends Error {
  constructor(code, codeName, message) {
    super(message)
    Object.assign(this, { code, codeName })
  }
}

/** MongoDB's codes for PostgreSQL's: DocumentDB's own are M and four characters; 23505 and 23P01 are its unique indexes. */
const CODES = new Map([
  ['M001C', 11000],
  ['23505', 11000],
  ['23P01', 11000],
  ['M00CO', 121],
  ['40001', 112],
  ['40P01', 112],
])
const CODE_NAMES = { 11000: 'DuplicateKey', 121: 'DocumentValidationFailure', 112: 'WriteConflict', 8: 'UnknownError' }

function commandError(sqlState, message) {
  const code = CODES.get(sqlState) ?? 8
  return new CommandError(code, CODE_NAMES[code], code === 11000 ? `E11000 duplicate key error: ${message}` : message)
}

/** Inside answers DocumentDB packs its codes into a number: five characters of six bits (PostgreSQL: MAKE_SQLSTATE). */
function unpacked(code) {
  return code < 1e6 ? undefined : String.fromCharCode(...[0, 6, 12, 18, 24].map((bits) => 48 + ((code >>> bits) & 63)))
}

function withMongoCodes(answer) {
  for (const each of answer.writeErrors) {
    const sqlState = unpacked(each.code)
    if (sqlState === undefined) continue
    const { code, codeName } = commandError(sqlState, '')
    Object.assign(each, { code, codeName })
  }
  return answer
}

// --- commands -------------------------------------------------------------------------------------------------------

async function row(text, values, client = pool) {
  const { rows } = await client.query({ text, values, rowMode: 'array' }).catch((error) => {
    throw error.code === undefined ? error : commandError(error.code, error.message)
  })
  return rows[0]
}

const HELLO = {
  helloOk: true,
  isWritablePrimary: true,
  ismaster: true,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  logicalSessionTimeoutMinutes: 30,
  minWireVersion: 0,
  maxWireVersion: 21,
  ok: 1,
}

/** By id: the continuation, and the connection when the cursor lives in it. */
const cursors = new Map()

async function firstPage(name, { db, raw }) {
  const client = await pool.connect()
  let isKept = false
  try {
    const text = `select cursorpage::bytea, continuation::bytea, persistconnection, cursorid from documentdb_api.${name}($1::text, $2, 0)`
    const [page, continuation, isInConnection, id] = await row(text, [db, raw], client)
    if (continuation !== null && BigInt(id) !== 0n) {
      isKept = isInConnection
      cursors.set(String(id), { continuation, client: isKept ? client : undefined })
    }
    return page
  } finally {
    if (!isKept) client.release()
  }
}

async function nextPage({ command, db, raw }) {
  const id = String(command.getMore)
  const cursor = cursors.get(id)
  if (cursor === undefined) throw new CommandError(43, 'CursorNotFound', `cursor id ${id} not found`)
  const text = 'select cursorpage::bytea, continuation::bytea from documentdb_api.cursor_get_more($1::text, $2, $3)'
  const [page, continuation] = await row(text, [db, raw, cursor.continuation], cursor.client)
  cursor.continuation = continuation
  if (continuation === null) {
    cursors.delete(id)
    cursor.client?.release()
  }
  return page
}

function killCursors({ command }) {
  for (const id of command.cursors.map(String)) {
    cursors.get(id)?.client?.release(true)
    cursors.delete(id)
  }
  return { cursorsKilled: command.cursors, cursorsNotFound: [], cursorsAlive: [], cursorsUnknown: [], ok: 1 }
}

async function write(name, { db, raw }) {
  const [answer] = await row(`select p_result::bytea from documentdb_api.${name}($1::text, $2)`, [db, raw])
  const read = deserialize(answer)
  return read.writeErrors === undefined ? answer : withMongoCodes(read)
}

/** Not in the background: the answer comes when the indexes are there. */
async function createIndexes({ db, raw }) {
  const text = 'select documentdb_api_internal.create_indexes_non_concurrently($1::text, $2, true)::bytea'
  const [answer] = await row(text, [db, raw])
  const read = deserialize(answer)
  const inner = read.raw === undefined ? read : Object.values(read.raw)[0]
  if (read.ok && inner.ok) return { ...inner, ok: 1 }
  throw commandError(unpacked(inner.code ?? 0), inner.errmsg ?? 'createIndexes failed')
}

async function call(expression, { db, raw }) {
  return (await row(`select ${expression}::bytea`, [db, raw]))[0]
}

const done = () => ({ ok: 1 })
const hello = () => ({ ...HELLO, localTime: new Date() })

const COMMANDS = {
  hello,
  isMaster: hello,
  ismaster: hello,
  ping: done,
  endSessions: done,
  buildInfo: () => ({ version: '7.0.0', versionArray: [7, 0, 0, 0], ok: 1 }),
  insert: (context) => write('insert', context),
  update: (context) => write('update', context),
  delete: (context) => write('delete', context),
  findAndModify: (context) => write('find_and_modify', context),
  find: (context) => firstPage('find_cursor_first_page', context),
  aggregate: (context) => firstPage('aggregate_cursor_first_page', context),
  listCollections: (context) => firstPage('list_collections_cursor_first_page', context),
  listIndexes: (context) => firstPage('list_indexes_cursor_first_page', context),
  getMore: nextPage,
  killCursors,
  count: async ({ db, raw }) =>
    (await row('select document::bytea from documentdb_api.count_query($1::text, $2)', [db, raw]))[0],
  create: (context) => call('documentdb_api.create_collection_view($1::text, $2)', context),
  createIndexes,
  async dropDatabase({ db }) {
    await row('select documentdb_api.drop_database($1::text)', [db])
    return { dropped: db, ok: 1 }
  },
}

/** The answer to one command, as BSON. */
async function run(raw) {
  const command = deserialize(raw, { promoteLongs: true })
  const [name] = Object.keys(command)
  try {
    const execute = COMMANDS[name]
    if (execute === undefined) throw new CommandError(59, 'CommandNotFound', `no such command: '${name}'`)
    const answer = await execute({ command, db: command.$db, raw })
    return Buffer.isBuffer(answer) ? answer : serialize(answer)
  } catch (error) {
    const { code, codeName, message } = error
    if (!(error instanceof CommandError)) console.error(name, error)
    return serialize({ ok: 0, errmsg: message, code: code ?? 1, codeName: codeName ?? 'InternalError' })
  }
}

// --- the wire (MongoDB: Wire Protocol) ------------------------------------------------------------------------------

const OP_REPLY = 1
const OP_QUERY = 2004
const OP_MSG = 2013

const zeroAfter = (bytes, at) => bytes.indexOf(0, at)

/** The command in an OP_MSG as one document: sections of kind 1 become arrays in it. */
function readMessage(message) {
  const hasChecksum = (message.readUInt32LE(16) & 1) !== 0
  const end = message.length - (hasChecksum ? 4 : 0)
  let body
  const sequences = []
  for (let at = 20; at < end; ) {
    const length = message.readInt32LE(at + 1)
    const section = message.subarray(at + 1, at + 1 + length)
    if (message[at] === 0) body = section
    else sequences.push(section)
    at += 1 + length
  }
  return sequences.reduce(withSequence, body)
}

function withSequence(body, section) {
  const nameEnd = zeroAfter(section, 4) + 1
  const items = []
  for (let at = nameEnd; at < section.length; ) {
    const length = section.readInt32LE(at)
    items.push(Buffer.from([3]), Buffer.from(`${items.length / 3}\0`), section.subarray(at, at + length))
    at += length
  }
  const array = sized([...items, Buffer.from([0])])
  return sized([body.subarray(4, -1), Buffer.from([4]), section.subarray(4, nameEnd), array, Buffer.from([0])])
}

/** The parts behind their length. */
function sized(parts) {
  const bytes = Buffer.concat([Buffer.alloc(4), ...parts])
  bytes.writeInt32LE(bytes.length)
  return bytes
}

const numbers = (...all) => Buffer.from(Int32Array.from(all).buffer)

/** Each message starts with length, own id, the id it answers, and its kind. */
async function answer(message) {
  const id = message.readInt32LE(4)
  const kind = message.readInt32LE(12)
  if (kind === OP_QUERY) {
    // The driver's first words only. The document lies behind flags, name and two numbers.
    const at = zeroAfter(message, 20) + 9
    const document = await run(message.subarray(at, at + message.readInt32LE(at)))
    return sized([numbers(0, id, OP_REPLY, 8, 0, 0, 0, 1), document])
  }
  if (kind !== OP_MSG) throw new Error(`unknown message of kind ${kind}`)
  const document = await run(readMessage(message))
  const isAnswerWanted = (message.readUInt32LE(16) & 2) === 0
  return isAnswerWanted ? sized([numbers(0, id, OP_MSG, 0), Buffer.from([0]), document]) : Buffer.alloc(0)
}

createServer((socket) => {
  let unread = Buffer.alloc(0)
  let last = Promise.resolve()
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    unread = Buffer.concat([unread, chunk])
    // As mongod does: clients that wait for this server ask by HTTP.
    if (unread.subarray(0, 4).toString() === 'GET ')
      return socket.end('HTTP/1.0 200 OK\r\n\r\nThis is no web server.\n')
    while (unread.length >= 4 && unread.length >= unread.readInt32LE()) {
      const message = unread.subarray(0, unread.readInt32LE())
      unread = unread.subarray(message.length)
      last = last.then(async () => socket.write(await answer(message))).catch(() => socket.destroy())
    }
  })
}).listen(Number(values.port), '127.0.0.1')
