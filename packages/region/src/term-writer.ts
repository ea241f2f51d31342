import type { Logger } from '@meridian/loop'
import type { Guard, Leadership, Operation } from '@meridian/store'
import { encodePage, pageKey } from '@meridian/topology'
import type { OrderingWriter } from './ordering-writer.ts'
import type { PageTxn } from './page-world.ts'
import type { RegionView } from './region-view.ts'

export interface TermWriterOptions {
  readonly writer: OrderingWriter
  readonly leadership: Leadership
  readonly view: RegionView
  readonly log: Logger
}

/** What one leadership commits to E: every transaction carries its election guard (R1) and a stamp (R8). */
export class TermWriter {
  readonly #options: TermWriterOptions

  constructor(options: TermWriterOptions) {
    this.#options = options
  }

  /**
   * Resolves once this server has applied the commit, so that the next decision stands on it; false when a guard
   * refused it, and what did is applied too.
   */
  async commit(guards: readonly Guard[], operations: readonly Operation[], signal: AbortSignal): Promise<boolean> {
    const { writer, leadership, view, log } = this.#options
    const outcome = await writer.commit({ guards, operations }, leadership, signal)
    if (!outcome.committed) {
      log.debug({ revision: outcome.revision, guards: guards.map(({ key }) => key) }, 'commit refused')
      // What the decision stood on was old: wait for what refused it.
      await view.waitFor(outcome.revision, signal).catch(() => {})
      return false
    }
    await view.waitFor(outcome.revision, signal)
    return true
  }

  async writePages(
    txn: PageTxn,
    signal: AbortSignal,
    also: { readonly guards: readonly Guard[]; readonly operations: readonly Operation[] } = {
      guards: [],
      operations: [],
    },
  ): Promise<boolean> {
    const guards = [...txn.expects].map(([id, equals]): Guard => ({ kind: 'mod-revision', key: pageKey(id), equals }))
    const operations: Operation[] = [
      ...txn.puts.map((page): Operation => ({ kind: 'put', key: pageKey(page.rangeId), value: encodePage(page) })),
      ...txn.deletes.map((id): Operation => ({ kind: 'delete', key: pageKey(id) })),
    ]
    const committed = await this.commit([...guards, ...also.guards], [...operations, ...also.operations], signal)
    if (committed) {
      this.#options.log.info(
        { pages: txn.puts.map(({ rangeId }) => rangeId), deleted: txn.deletes, shards: txn.shards },
        'pages written',
      )
    }
    return committed
  }
}
