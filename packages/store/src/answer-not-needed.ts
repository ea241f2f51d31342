/** Reason of an abort by a caller who has the answer already: it says nothing about the server that had not given it. */
export class AnswerNotNeeded extends Error {
  override readonly name = 'AnswerNotNeeded'

  constructor() {
    super('the answer is not needed any more')
  }
}
