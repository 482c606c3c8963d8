'use strict'
// Answers cases on standard input with what three JavaScript readers give.
//
// A case is a JSON line {"text", "env", "dotenvx"}; the answer is a JSON line
// {"node", "node-builtin", "dotenvx"}, each an object name -> value, or null where the text is
// rejected. `dotenvx: false` leaves that one out: on some texts it never ends.
//
// No command is executed: what dotenvx would execute is answered with a mark, and the mark is turned
// back into the command in the result.

const childProcess = require('node:child_process')
const { createRequire } = require('node:module')
const path = require('node:path')
const readline = require('node:readline')
const util = require('node:util')

const commands = []
childProcess.execSync = command => {
  commands.push(command)
  return Buffer.from(`\u0001command ${commands.length - 1}\u0001`)
}

const installed = createRequire(path.join(path.resolve(process.argv[2]), 'package.json'))
const write = process.stdout.write.bind(process.stdout)
for (const stream of [process.stdout, process.stderr]) stream.write = () => true
const dotenv = installed('dotenv')
const dotenvx = installed('@dotenvx/dotenvx')

function attempt (read) {
  try {
    return read()
  } catch {
    return null
  }
}

function withCommands (values) {
  const named = ([name, value]) => [name, value.replace(/\u0001command (\d+)\u0001/g, (_, at) => `$(${commands[at]})`)]
  return values && Object.fromEntries(Object.entries(values).map(named))
}

const wanted = require('./package.json')
const versions = { node: process.version.match(/\d+/)[0] }
for (const name of Object.keys(wanted.dependencies)) versions[name] = installed(`${name}/package.json`).version
write(JSON.stringify({ versions, wanted: { ...wanted.engines, ...wanted.dependencies } }) + '\n')

readline.createInterface({ input: process.stdin, crlfDelay: 0 }).on('line', line => {
  const { text, env, dotenvx: ends } = JSON.parse(line)
  commands.length = 0
  write(JSON.stringify({
    node: attempt(() => dotenv.parse(text)),
    'node-builtin': attempt(() => util.parseEnv(text)),
    dotenvx: ends ? withCommands(attempt(() => dotenvx.parse(text, { processEnv: env }))) : null
  }) + '\n')
})
