/** `1 range`, `2 ranges`: for people. `plural` where an s does not make it. */
export function counted(count: number | bigint, noun: string, plural = `${noun}s`): string {
  return `${count} ${Number(count) === 1 ? noun : plural}`
}
