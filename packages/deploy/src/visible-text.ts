/** `text` with every control, format and unassigned character spelled out, so that no terminal or log obeys it. */
export function visibleText(text: string): string {
  return text.replace(/\p{C}/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}
