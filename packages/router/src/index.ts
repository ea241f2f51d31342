export { RouteMap } from './map.ts'
export type { NoRouteReason, Route, RouteResult } from './route.ts'
export { Router } from './router.ts'
export type { RouterOptions, StreamReport } from './router.ts'
