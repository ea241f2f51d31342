import type { CommandContext } from './program.ts'

/** Pause between two looks with --watch, ms. */
const WATCH_EVERY_MS = 2000

export const WATCH_HELP = 'again every two seconds until interrupted; with --json a document per line'

export interface View {
  readonly json: unknown
  readonly lines: readonly string[]
}

/** Shows one look, or with `watch` one after the other until interrupted. */
export async function showing(context: CommandContext, watch: boolean, look: () => Promise<View>): Promise<void> {
  const { terminal, clock, signal } = context
  for (;;) {
    const view = await look()
    signal.throwIfAborted()
    if (watch && terminal.json) terminal.documentLine(view.json)
    else {
      if (watch) terminal.clear()
      terminal.show(
        () => view.json,
        () => view.lines,
      )
    }
    if (!watch) return
    await clock.sleep(WATCH_EVERY_MS, signal)
    if (!terminal.json && !terminal.interactive) terminal.print('')
  }
}
