/** Text that is already safe to stand in HTML or SVG. Only this module and tagged templates make it. */
export interface Markup {
  readonly markup: string
}

export type MarkupPart = Markup | string | number | null | readonly MarkupPart[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Safe in element content and in quoted attributes; NOT in `<style>`, `<script>` or an unquoted attribute. */
export const escapeText = (text: string): string => text.replace(/[&<>"']/g, (each) => ENTITIES[each] ?? '')

const render = (part: MarkupPart): string => {
  if (part === null) return ''
  if (typeof part === 'string') return escapeText(part)
  if (typeof part === 'number') return String(part)
  if ('markup' in part) return part.markup
  return part.map(render).join('')
}

/** A template whose holes are escaped unless they are markup themselves: forgetting to escape cannot be written. */
export function markup(strings: TemplateStringsArray, ...parts: readonly MarkupPart[]): Markup {
  const text = strings.map((literal, index) => {
    const part = parts[index]
    return part === undefined ? literal : literal + render(part)
  })
  return { markup: text.join('') }
}

/** For constants of this folder (a style sheet, a path computed from numbers), never for anything from a result. */
export const trusted = (text: string): Markup => ({ markup: text })
