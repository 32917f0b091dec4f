import '../../dist/index.js'
import { report } from './report.mjs'

report()
