/** What JSON leaves as it is and a terminal may obey: DEL, the C1 controls, marks that turn text around. */
const UNESCAPED = /[\u007f-\u009f\u2028\u2029]|\p{Cf}/gu

/**
 * One JSON document: bigints as decimal strings, nothing in it that a terminal obeys.
 *
 * @param layout `document` is indented for people too, `line` has no line break inside
 */
export function jsonText(value: unknown, layout: 'document' | 'line' = 'document'): string {
  const text = JSON.stringify(
    value,
    (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each),
    layout === 'document' ? 2 : undefined,
  )
  // All of these can stand only inside strings, where an escape means the same.
  return text.replace(UNESCAPED, escaped)
}

function escaped(char: string): string {
  let out = ''
  for (let at = 0; at < char.length; at += 1) out += `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`
  return out
}
