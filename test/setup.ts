// The AWS SDK warns on Node 20 in every process; the suite runs there on purpose.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'
