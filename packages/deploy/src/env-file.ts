/**
 * The subset of environment files that systemd, docker and we read alike: `NAME=value` lines without quotes, and
 * comments. What does not fit is refused when written.
 */
export function formatEnvFile(header: string, variables: Readonly<Record<string, string>>): string {
  const lines = Object.entries(variables).map(([name, value]) => {
    if (!/^[A-Z][A-Z0-9_]*$/.test(name) || !/^[\x21-\x7e]*$/.test(value) || /["'\\$#]/.test(value)) {
      throw new Error(`assertion: ${name}=${JSON.stringify(value)} cannot stand in an environment file`)
    }
    return `${name}=${value}\n`
  })
  return header + lines.join('')
}

/** The variables of such a file, and the numbers (from 1) of the lines that are neither variable, comment nor empty. */
export function parseEnvFile(text: string): { variables: Record<string, string>; faultyLines: number[] } {
  const variables: Record<string, string> = {}
  const faultyLines: number[] = []
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '' || line.startsWith('#')) return
    const match = /^([A-Z][A-Z0-9_]*)=([\x21-\x7e]*)$/.exec(line)
    if (match?.[1] === undefined || match[2] === undefined) faultyLines.push(i + 1)
    else variables[match[1]] = match[2]
  })
  return { variables, faultyLines }
}
