/** Bugs on purpose, each a small change of the core's text, to show that the simulation finds such bugs. */

export interface Mutant {
  /** The bug, as one would report it. */
  does: string
  file: 'machine.ts' | 'breaker.ts' | 'schedule.ts' | 'backlog.ts'
  /** Text that occurs once in the file. */
  from: string
  to: string
}

export const MUTANTS: Mutant[] = [
  // Clocks
  {
    does: 'drops the alarm',
    file: 'machine.ts',
    from: "    this.effects.push({ kind: 'set_alarm', at: this.wanted_alarm_at })\n",
    to: '',
  },
  {
    does: 'wants no alarm while attempts are in flight',
    file: 'machine.ts',
    from: 'if (in_flight.size > 0 || cancel_below !== null) this.wantAlarm(this.now + BACKUP_MS)',
    to: '',
  },
  {
    does: 'wants no alarm for what is scheduled',
    file: 'machine.ts',
    from: 'if (rules.disabled === null && next_due_at !== null && breaker.state',
    to: 'if (false && rules.disabled === null && next_due_at !== null && breaker.state',
  },
  {
    does: 'sets an alarm for a moment that has passed, again and again',
    file: 'machine.ts',
    from: 'is_only_clock && at > this.now ? at : Math.max(at, this.now) + BACKUP_MS',
    to: 'at',
  },
  { does: 'ignores a wake', file: 'machine.ts', from: "case 'woken':\n        this.pump()", to: "case 'woken':" },
  {
    does: 'honours a duplicate wake',
    file: 'machine.ts',
    from: "case 'woken':\n",
    to: "case 'woken':\n        for (const position of this.state.in_flight.keys()) this.effects.push({ kind: 'attempt', position })\n",
  },
  {
    does: 'schedules a retry without a queue message',
    file: 'machine.ts',
    from: "    this.effects.push({ kind: 'wake_later', position, due_at })\n",
    to: '',
  },
  {
    does: 'sets no timer for what the rate limit holds back',
    file: 'machine.ts',
    from: "this.effects.push({ kind: 'set_timer', at: this.now + untilToken(bucket, rules.rate_limit_per_s) })",
    to: '{}',
  },
  {
    does: 'loses sight of what is scheduled',
    file: 'machine.ts',
    from: 'this.set({ next_due_at: Math.min(due_at, this.state.next_due_at ?? due_at) })',
    to: 'this.set({ next_due_at: due_at })',
  },
  // What is scheduled
  {
    does: 'does not notice what is scheduled before the place that it has come to',
    file: 'backlog.ts',
    from: 'if (is_before) this.mark = { due_at, position: position - 1 }',
    to: '',
  },
  {
    does: 'does not notice what is scheduled for the same moment as the place that it has come to',
    file: 'backlog.ts',
    from: ' || (due_at === mark.due_at && position <= mark.position)',
    to: '',
  },
  {
    does: 'looks beyond what is not due yet',
    file: 'backlog.ts',
    from: 'positions.length === limit || place.due_at > now) return',
    to: 'positions.length === limit || place.due_at > now) this.mark = place\n          if (positions.length === limit || place.due_at > now) return',
  },
  {
    does: 'takes out what is in flight once more',
    file: 'backlog.ts',
    from: '!in_flight.has(place.position)',
    to: 'true',
  },
  // Order
  {
    does: 'forgets to release the ordering key',
    file: 'machine.ts',
    from: "    if (order_key !== null) this.effects.push({ kind: 'release', order_key })\n",
    to: '',
  },
  {
    does: 'lets a newcomer overtake its ordering key',
    file: 'machine.ts',
    from: 'if (is_behind) {',
    to: 'if (is_behind && this.state.in_flight.size > 0) {',
  },
  {
    does: 'lets a redriven delivery overtake its ordering key',
    file: 'machine.ts',
    from: 'const due_at = is_behind ? null : this.now',
    to: 'const due_at = this.now',
  },
  {
    does: 'does not move a redriven delivery to the end',
    file: 'machine.ts',
    from: "kind: 'requeue', position, change",
    to: "kind: 'update', position, change",
  },
  {
    does: 'lets newcomers overtake what is due',
    file: 'machine.ts',
    from: '!(next_due_at !== null && next_due_at <= this.now) && ',
    to: '',
  },
  {
    does: 'gives an ordered delivery no due time while it is in flight',
    file: 'machine.ts',
    from: 'due_at: order_key === null ? null : this.now',
    to: 'due_at: null',
  },
  // Retries
  {
    does: 'counts a parked wait as an attempt',
    file: 'machine.ts',
    from: "{ state: 'pending', due_at: this.now, failures: delivery.failures }",
    to: "{ state: 'pending', due_at: this.now, failures: delivery.failures + 1 }",
  },
  {
    does: 'counts an interrupted attempt',
    file: 'machine.ts',
    from: 'this.retryLater({ ...flight, position }, jittered(',
    to: 'this.retryLater({ ...flight, position, failures: flight.failures + 1 }, jittered(',
  },
  {
    does: 'gives one retry too few',
    file: 'schedule.ts',
    from: 'delays_ms[failures - 1]',
    to: 'delays_ms[failures]',
  },
  {
    does: 'gives one retry too many',
    file: 'schedule.ts',
    from: 'delays_ms[failures - 1]',
    to: 'delays_ms[Math.max(0, failures - 2)]',
  },
  {
    does: 'ignores Retry-After',
    file: 'schedule.ts',
    from: 'Math.max(jittered(delay, random), Math.min(retry_after_ms ?? 0, RETRY_AFTER_MS_MAX))',
    to: 'jittered(delay, random)',
  },
  {
    does: 'writes no dead letter',
    file: 'machine.ts',
    from: "      this.effects.push({ kind: 'dead_letter', position })\n",
    to: '',
  },
  {
    does: 'gives a redriven delivery no fresh retries',
    file: 'machine.ts',
    from: "change: { state: 'pending', due_at, failures: 0 }",
    to: "change: { state: 'pending', due_at, failures: 1 }",
  },
  // Breaker
  {
    does: 'lets others go beside the probe',
    file: 'machine.ts',
    from: "if (breaker.state === 'half_open') return 0",
    to: "if (breaker.state === 'half_open') return 1",
  },
  {
    does: 'sends a whole page as probes',
    file: 'machine.ts',
    from: 'return this.now >= (breaker.open_until ?? 0) && free > 0 ? 1 : 0',
    to: 'return this.now >= (breaker.open_until ?? 0) ? free : 0',
  },
  {
    does: 'probes before its time',
    file: 'machine.ts',
    from: 'return this.now >= (breaker.open_until ?? 0) && free > 0 ? 1 : 0',
    to: 'return this.now + 5000 >= (breaker.open_until ?? 0) && free > 0 ? 1 : 0',
  },
  {
    does: 'sends a probe beyond max_in_flight',
    file: 'machine.ts',
    from: '(breaker.open_until ?? 0) && free > 0 ? 1 : 0',
    to: '(breaker.open_until ?? 0) ? 1 : 0',
  },
  {
    does: 'ignores the ramp',
    file: 'machine.ts',
    from: 'breaker.ramp ?? rules.max_in_flight',
    to: 'rules.max_in_flight',
  },
  {
    does: 'forgets an open breaker at a restart',
    file: 'machine.ts',
    from: 'before.state !== breaker.state ||',
    to: '',
  },
  {
    does: 'believes after a restart that its probe is still out',
    file: 'machine.ts',
    from: "breaker.state === 'half_open' ? { ...breaker, state: 'open' } : breaker",
    to: 'breaker',
  },
  {
    does: 'never comes back from a probe that was cut off',
    file: 'machine.ts',
    from: 'if (flight.is_probe) this.setBreaker(abandonProbe(this.state.breaker, this.now))',
    to: '',
  },
  {
    does: 'lets the end of an old probe decide after a reset',
    file: 'machine.ts',
    from: '{ ...flight, is_probe: false }',
    to: 'flight',
  },
  {
    does: 'opens one failure late',
    file: 'breaker.ts',
    from: 'CONSECUTIVE_FAILURES_TO_OPEN = 5',
    to: 'CONSECUTIVE_FAILURES_TO_OPEN = 6',
  },
  {
    does: 'looks at the last 20 outcomes one failure too kindly',
    file: 'breaker.ts',
    from: 'WINDOW_FAILURES_TO_OPEN = 10',
    to: 'WINDOW_FAILURES_TO_OPEN = 11',
  },
  { does: 'does not stay open for longer each time', file: 'breaker.ts', from: '2 ** breaker.openings', to: '1' },
  {
    does: 'opens for less than the receiver asked for',
    file: 'breaker.ts',
    from: 'Math.max(jittered(open_ms, random), retry_after_ms ?? 0)',
    to: 'jittered(open_ms, random)',
  },
  // Limits and control
  {
    does: 'calls a disabled endpoint',
    file: 'machine.ts',
    from: 'if (rules.disabled !== null || cancel_below !== null) return 0',
    to: 'if (cancel_below !== null) return 0',
  },
  {
    does: 'starts one more than max_in_flight',
    file: 'machine.ts',
    from: 'concurrency(this.state) - in_flight.size',
    to: 'concurrency(this.state) + 1 - in_flight.size',
  },
  { does: 'takes no tokens', file: 'machine.ts', from: 'tokens: bucket.tokens - 1', to: 'tokens: bucket.tokens' },
  {
    does: 'never disables what has failed for days',
    file: 'machine.ts',
    from: 'this.now - failing_since >= this.state.rules.disable_after_ms',
    to: 'false',
  },
  {
    does: 'forgets in the count what was cancelled',
    file: 'machine.ts',
    from: 'this.set({ unfinished: this.state.unfinished - 1 })',
    to: "if (state !== 'cancelled') this.set({ unfinished: this.state.unfinished - 1 })",
  },
  {
    does: 'accepts one more than max_unfinished',
    file: 'machine.ts',
    from: 'if (unfinished >= rules.max_unfinished) {',
    to: 'if (unfinished > rules.max_unfinished) {',
  },
  {
    does: 'cancels without end',
    file: 'machine.ts',
    from: '      this.set({ cancel_below: null })\n',
    to: '',
  },
  {
    does: 'takes up deliveries before it has cancelled them',
    file: 'machine.ts',
    from: 'if (rules.disabled !== null || cancel_below !== null) return 0',
    to: 'if (rules.disabled !== null) return 0',
  },
  {
    does: 'lets an attempt that has ended stay in flight',
    file: 'machine.ts',
    from: '    this.ownFlights().delete(position)\n',
    to: '',
  },
  // Erasure
  {
    does: 'attempts what was erased, after a crash',
    file: 'machine.ts',
    from: "if (delivery.erased_at === null) this.start(delivery)\n    else this.end(delivery, 'cancelled')",
    to: 'this.start(delivery)',
  },
  {
    does: 'makes an interrupted attempt of what was erased again',
    file: 'machine.ts',
    from: "    const { position, failures, erased_at } = delivery\n    if (erased_at !== null) {\n      this.end(delivery, 'cancelled')\n      return\n    }\n    const due_at",
    to: '    const { position, failures } = delivery\n    const due_at',
  },
  {
    does: 'buries what was erased among the dead letters',
    file: 'machine.ts',
    from: "    const { position, failures, erased_at } = delivery\n    if (erased_at !== null) {\n      this.end(delivery, 'cancelled')\n      return\n    }\n    const delay_ms",
    to: '    const { position, failures } = delivery\n    const delay_ms',
  },
  {
    does: 'parks what was erased when its receiver is gone',
    file: 'machine.ts',
    from: "if (delivery.erased_at !== null) this.end(delivery, 'cancelled')\n      else this",
    to: 'this',
  },
  {
    does: 'keeps what the last attempt of an erased delivery brought',
    file: 'machine.ts',
    from: "    if (erased_at !== null) this.effects.push({ kind: 'erase', position })\n",
    to: '',
  },
  {
    does: 'forgets that what is in flight was erased',
    file: 'machine.ts',
    from: 'if (flight !== undefined) this.ownFlights().set(position, { ...flight, erased_at })',
    to: '',
  },
  {
    does: 'goes on delivering what waits and was erased',
    file: 'machine.ts',
    from: 'if (flight === undefined && !is_finished) {',
    to: 'if (false) {',
  },
  {
    does: 'delivers what arrives after its erasure',
    file: 'machine.ts',
    from: '    if (is_erased) {\n',
    to: '    if (false) {\n',
  },
  {
    does: 'wants no alarm for what it erased',
    file: 'machine.ts',
    from: "    this.effects.push({ kind: 'erase', position })\n    this.wantAlarm(this.now + BACKUP_MS)\n",
    to: "    this.effects.push({ kind: 'erase', position })\n",
  },
]
