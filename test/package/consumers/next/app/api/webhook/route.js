import { getApp } from '../../../archive.js'

export const GET = (request) => getApp().handler(request)
export const POST = (request) => getApp().handler(request)
