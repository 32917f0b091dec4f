import { connect, connection, disconnect } from 'mongoose'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { Message } from '../../examples/mongoose.js'

/** A database of its own for the calling file, empty before each test. Without a server the file fails. */
export function useDatabase(dbName: string): void {
  beforeAll(async () => {
    const { MONGODB_URL: url } = process.env
    if (!url) throw new Error('MONGODB_URL is not set: start scripts/servers/start-mongo.sh and export what it prints')
    // Indexes are made once, below: two at a time can wait for each other on this server.
    await connect(url, { dbName, autoIndex: false })
    await connection.dropDatabase()
    await Message.createIndexes()
  })
  beforeEach(async () => {
    await Message.deleteMany({})
  })
  afterAll(async () => {
    await connection.dropDatabase()
    await disconnect()
  })
}
