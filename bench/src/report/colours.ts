/**
 * A colour for each scheme. Pictures carry both and the style sheet picks one, because a scale that runs from pale to
 * dark on paper must run from dark to pale on a dark screen: more is always further from the background.
 */
export interface SchemeColour {
  readonly light: string
  readonly dark: string
  /** Of text on it. */
  readonly lightText: string
  readonly darkText: string
}

type Rgb = readonly [number, number, number]

// One hue family of steadily falling lightness: it survives every kind of colour blindness, and a photocopier.
const LIGHT_RAMP = ['#f1f7f2', '#c9e6db', '#8fcac6', '#54a4b5', '#2f7ba0', '#2a5184', '#262c5f']
const DARK_RAMP = ['#15252d', '#17414d', '#1d6375', '#33879a', '#62abb6', '#a2cfcc', '#e6f4ea']

const parse = (hex: string): Rgb => {
  const channel = (at: number): number => Number.parseInt(hex.slice(at, at + 2), 16)
  return [channel(1), channel(3), channel(5)]
}

const luminance = (rgb: Rgb): number => {
  const [r, g, b] = rgb.map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0)
}

function rampColour(ramp: readonly string[], share: number): { readonly fill: string; readonly text: string } {
  const at = Math.min(1, Math.max(0, share)) * (ramp.length - 1)
  const below = Math.min(ramp.length - 2, Math.floor(at))
  const [from, to] = [parse(ramp[below] ?? '#000000'), parse(ramp[below + 1] ?? '#000000')]
  const mixed = from.map((value, index) => Math.round(value + ((to[index] ?? value) - value) * (at - below)))
  const rgb: Rgb = [mixed[0] ?? 0, mixed[1] ?? 0, mixed[2] ?? 0]
  // WCAG contrast against white and against the dark ink, whichever is larger.
  const fill = luminance(rgb)
  const text = 1.05 / (fill + 0.05) > (fill + 0.05) / (luminance(parse('#10212b')) + 0.05) ? '#ffffff' : '#10212b'
  return { fill: `#${rgb.map((value) => value.toString(16).padStart(2, '0')).join('')}`, text }
}

/** @param share of the scale, 0 to 1; beyond either end is the end */
export function scaleColour(share: number): SchemeColour {
  const [light, dark] = [rampColour(LIGHT_RAMP, share), rampColour(DARK_RAMP, share)]
  return { light: light.fill, dark: dark.fill, lightText: light.text, darkText: dark.text }
}

/** The custom properties that the classes `heat` and `heat-text` read. */
export const schemeStyle = (colour: SchemeColour): string =>
  `--l:${colour.light};--d:${colour.dark};--lt:${colour.lightText};--dt:${colour.darkText}`
