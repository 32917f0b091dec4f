import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WhatsAppMediaError } from '../../src/errors.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { createCanaryScanner, textsOf } from './canaries.js'
import { APP_SECRET, CANARIES, createAviary, type Aviary, type Seen } from './canary-scenes.js'

