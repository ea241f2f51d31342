import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

/** The fast part of the launcher: what it finds and what it says, on a machine made of a few fake programs. */
const ROOT = join(import.meta.dirname, '..', '..')
const SYSTEM_PATH = '/usr/bin:/bin'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meridian-launcher-'))
  mkdirSync(join(folder, 'bin'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** A program on the fake machine's PATH that answers every call with one text. */
function fake(name: string, answer: string): string {
  const path = join(folder, 'bin', name)
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' '${answer}'\n`)
  chmodSync(path, 0o755)
  return path
}

function launch(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawnSync(join(ROOT, 'meridian'), args, {
    encoding: 'utf8',
    env: { HOME: folder, PATH: [join(folder, 'bin'), SYSTEM_PATH].join(delimiter), ...env },
  })
}

interface Component {
  readonly name: string
  readonly state: string
  readonly version: string | null
  readonly origin: string | null
  readonly path: string | null
  readonly warnings: readonly string[]
  readonly plan: string | null
}

function diagnose(env: Readonly<Record<string, string>> = {}) {
  const { stdout, status } = launch(['doctor', '--json'], env)
  // The shape is what this test is about: a field that is missing or of another type fails an expectation below.
  const report = JSON.parse(stdout) as { cache: string; packagesInstalled: boolean; components: Component[] }
  const find = (name: string) => report.components.find((component) => component.name === name)
  return { report, status, find }
}

/** Runs functions of the launcher's parts in one shell, one line of output per call. */
function inShell(parts: readonly string[], script: string, env: Readonly<Record<string, string>> = {}): string[] {
  const sourced = parts.map((part) => `. '${join(ROOT, 'tools', 'launcher', `${part}.sh`)}'`).join('\n')
  const { stdout, stderr } = spawnSync('sh', ['-eu', '-c', `${sourced}\n${script}`], {
    encoding: 'utf8',
    env: { HOME: folder, PATH: SYSTEM_PATH, ...env },
  })
  expect(stderr).toBe('')
  return stdout.trimEnd().split('\n')
}

test('versions compare by number, and a pre-release comes before its release', () => {
  const table: readonly (readonly [have: string, want: string, atLeast: boolean])[] = [
    ['3.7.3', '3.7.3', true],
    ['3.7.10', '3.7.9', true],
    ['3.7.9', '3.7.10', false],
    ['4.0', '3.9.9', true],
    ['3', '3.0.0', true],
    ['3.7', '3.7.1', false],
    ['3.8.0-alpha', '3.8.0', false],
    ['3.8.0-alpha', '3.7.9', true],
    ['2.9.10', '2.10.23', false],
    ['2.12.0+build-5', '2.12.0', true],
    ['26.10.0', '24.0.0', true],
    ['garbage', '1.0.0', false],
  ]
  const script = table.map(([have, want]) => `version_at_least ${have} ${want} && echo true || echo false`).join('\n')
  expect(inShell(['versions'], script)).toEqual(table.map(([, , atLeast]) => String(atLeast)))
})

test('each component has its floor, and etcd a recommendation above it', () => {
  const table: readonly (readonly [component: string, version: string, verdict: string])[] = [
    ['etcd', '3.4.23', 'below'],
    ['etcd', '3.5.23', 'below'],
    ['etcd', '3.5.24', 'warned'],
    ['etcd', '3.6.5', 'below'],
    ['etcd', '3.6.6', 'warned'],
    ['etcd', '3.6.14', 'good'],
    ['etcd', '3.7.0', 'warned'],
    ['etcdctl', '3.7.1', 'good'],
    ['etcdutl', '3.7.3', 'good'],
    ['nats-server', '2.10.22', 'below'],
    ['nats-server', '2.10.23', 'good'],
    ['toxiproxy-server', '2.11.0', 'below'],
    ['toxiproxy-server', '2.12.0', 'good'],
    ['toxiproxy-server', '""', 'below'],
    ['node', '20.20.2', 'below'],
    ['node', '24.0.0', 'good'],
    ['pnpm', '11.9.0', 'below'],
    ['pnpm', '12.21.0', 'good'],
  ]
  const script = table.map(([component, version]) => `judge_version ${component} ${version}; echo $verdict`).join('\n')
  expect(inShell(['versions'], script)).toEqual(table.map(([, , verdict]) => verdict))
})

test('a version asked for by MERIDIAN_ETCD_VERSION rules out every other', () => {
  const script = 'judge_version etcd 3.7.3; echo $verdict; judge_version etcd 3.6.16; echo $verdict'
  expect(inShell(['versions'], script, { MERIDIAN_ETCD_VERSION: '3.6.16' })).toEqual(['below', 'good'])
})

test.each([
  ['etcd Version: 3.7.3', '3.7.3'],
  ['nats-server: v2.15.2', '2.15.2'],
  ['toxiproxy-server version 2.12.0', '2.12.0'],
  ['go version go1.26.8 linux/amd64', '1.26.8'],
  ['v26.10.0', '26.10.0'],
])('the version in "%s" is %s', (answer, version) => {
  expect(inShell(['versions'], `version_in '${answer}'`)).toEqual([version])
})

test.each([
  ['up --regions 3', 'servers'],
  ['test --only unit', 'servers'],
  ['demo --json', 'servers'],
  ['region up eu-west', 'servers'],
  ['region render --check', 'packages'],
  ['model --only seal', 'model'],
  ['status', 'packages'],
  ['put cities fr/1 x', 'packages'],
  ['up --help', 'packages'],
  ['--version', 'packages'],
  ['', 'packages'],
])('the command "%s" needs %s', (words, needs) => {
  expect(inShell(['needs'], `set -- ${words}\ncommand_of "$@"\nneeds_of "$command" "$@"`)).toEqual([needs])
})

test('the modules pin one version each', () => {
  const pins = ['etcd', 'etcd-3.6', 'nats', 'toxiproxy'].map((name) => `pin_of '${join(ROOT, 'tools', name)}'`)
  for (const pin of inShell(['servers'], pins.join('\n'))) expect(pin).toMatch(/^\d+\.\d+\.\d+$/)
})

test('doctor lists every component, builds nothing and needs no Node', () => {
  fake('node', 'v20.1.0')
  const { report, find } = diagnose()
  expect(report.components.map((component) => component.name)).toEqual([
    'node',
    'pnpm',
    'git',
    'go',
    'npm',
    'etcd',
    'etcdctl',
    'etcdutl',
    'nats-server',
    'toxiproxy-server',
  ])
  expect(report.cache).toBe(join(folder, '.cache', 'meridian'))
  expect(report.packagesInstalled).toBeTypeOf('boolean')
  expect(find('git')).toMatchObject({ state: 'ready', origin: 'PATH', path: '/usr/bin/git', plan: null })
  expect(find('node')).toMatchObject({ state: 'missing', version: null, origin: null, path: null })
  expect(find('node')?.warnings).toEqual([expect.stringContaining('20.1.0 is below the floor 24.0.0')])
  expect(find('node')?.plan).toMatch(/^(would be|cannot be)/)
})

test('doctor passes over an old server on PATH, takes it when it is named, and warns both times', () => {
  const etcd = fake('etcd', 'etcd Version: 3.4.23')
  fake('nats-server', 'nats-server: v2.15.2')
  const floor = expect.stringContaining('works for a look, not for production')
  const found = diagnose().find('etcd')
  expect(found).toMatchObject({ state: 'missing', warnings: [floor] })
  expect(diagnose().find('nats-server')).toMatchObject({
    state: 'ready',
    origin: 'PATH',
    version: '2.15.2',
    warnings: [],
  })
  const named = diagnose({ MERIDIAN_ETCD: etcd }).find('etcd')
  expect(named).toMatchObject({ state: 'ready', origin: 'env', version: '3.4.23', path: etcd, warnings: [floor] })
})

test('doctor finds in the cache what an earlier run has put there', () => {
  const [target = ''] = inShell(
    ['say', 'versions', 'tried', 'components', 'servers'],
    `MERIDIAN_HOME='${ROOT}'; find_cache; server_target_of nats; echo "$server_target"`,
  )
  mkdirSync(target, { recursive: true })
  writeFileSync(join(target, 'nats-server'), '')
  chmodSync(join(target, 'nats-server'), 0o755)
  expect(diagnose().find('nats-server')).toMatchObject({ origin: 'cache', path: join(target, 'nats-server') })
})

test('text from the environment cannot break the JSON', () => {
  const name = 'a "quoted" \\ and\nbroken name'
  const { find, status } = diagnose({ MERIDIAN_ETCD: name })
  expect(find('etcd')).toMatchObject({ state: 'unusable', plan: 'correct MERIDIAN_ETCD or unset it' })
  expect(status).toBe(6)
})

test.each([
  ['MERIDIAN_ETCD', 'up', '/nowhere/etcd', 'is not an executable file'],
  ['MERIDIAN_NATS_SERVER', 'up', '/etc/passwd', 'is not an executable file'],
  ['MERIDIAN_TOXIPROXY_SERVER', 'up', '/bin/false', 'does not answer with a version'],
  ['MERIDIAN_NODE', 'status', '/nowhere/node', 'is not an executable file'],
  ['MERIDIAN_ETCD_VERSION', 'up', '../../etc', 'is not a version'],
])('an unusable %s is refused with exit code 2 before anything is done', (variable, command, value, reason) => {
  const node = fake('node', 'v26.10.0')
  const { status, stderr, stdout } = launch([command], { MERIDIAN_NODE: node, [variable]: value })
  expect(stderr).toContain(`${variable}=${value}`)
  expect(stderr).toContain(reason)
  expect(stdout).toBe('')
  expect(status).toBe(2)
})

test('cache says where it is, and clearing it removes only what the launcher put there', () => {
  const cache = join(folder, 'cache', 'meridian')
  mkdirSync(join(cache, 'etcd', '3.7.3-0'), { recursive: true })
  mkdirSync(join(cache, 'not-ours'))
  const env = { XDG_CACHE_HOME: join(folder, 'cache') }
  expect(launch(['cache', 'path'], env).stdout).toBe(`${cache}\n`)
  expect(launch(['cache', 'clear'], env).status).toBe(0)
  expect(spawnSync('ls', [cache], { encoding: 'utf8' }).stdout).toBe('not-ours\n')
  expect(launch(['cache', 'burn'], env).status).toBe(2)
})

test('a lock of a process that is gone is broken, one of a living process is seen as held', () => {
  const script = `
    identify
    ln -s 999999999.5 '${folder}/lock'
    take_lock '${folder}/lock' something
    readlink '${folder}/lock' | grep -cx "$identity"
    is_alive "$identity" && echo alive
    is_alive "$$.1" || echo 'reused process id'
    release_lock '${folder}/lock'
    ls '${folder}' | grep -c lock || :
  `
  expect(inShell(['say', 'lifetime', 'lock'], script)).toEqual(['1', 'alive', 'reused process id', '0'])
})
