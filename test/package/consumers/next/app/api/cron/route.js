import { getApp } from '../../../archive.js'

export const dynamic = 'force-dynamic'
// In production, check the secret that your cron job sends.
export const GET = async () => Response.json(await getApp().queue.redrive({ limit: 500, timeoutMs: 50_000 }))
