import '@aws-sdk/client-s3'
import { report } from './report.mjs'

report()
