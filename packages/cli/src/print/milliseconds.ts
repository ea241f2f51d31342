/** One decimal, as far as what is measured over a network means anything; `-` for what is not known. */
export function millis(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(1)
}
