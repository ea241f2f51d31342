export { feedConformance } from './feed-conformance.ts'
export type { FeedWorld } from './feed-world.ts'
export { FeedChecker } from './feed-checker.ts'
export { StreamHistory } from './stream-history.ts'
