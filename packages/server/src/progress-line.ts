import { visibleText } from '@meridian/deploy'
import type { RegionProgress } from '@meridian/deploy'

/** What a person is told of an event; undefined for what only a log needs. */
export function progressLine(progress: RegionProgress): string | undefined {
  switch (progress.kind) {
    case 'note':
      return progress.text
    case 'warning':
      return `warning: ${progress.text}`
    case 'started':
      return undefined
    case 'ready':
      return `${progress.name} is ready after ${(progress.afterMs / 1000).toFixed(1)} s`
    case 'stopped':
      return undefined
    case 'exited':
      return `${progress.name} exited (${progress.exit}); the end of its log:\n${visibleText(progress.logTail)}`
    case 'restarting':
      return `${progress.name} is started again in ${(progress.inMs / 1000).toFixed(1)} s (attempt ${progress.attempt})`
    case 'gave-up':
      return `${progress.name} was started ${progress.attempts} times and does not stay up; left dead`
  }
}
