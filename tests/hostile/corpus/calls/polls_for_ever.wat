;; Waits for a clock that is due at once, again and again: a host call in a circle.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; One subscription of 48 bytes at 0: userdata 0, tag 0 (clock), clock 1 (monotonic), all times 0.
  (data (i32.const 16) "\01")
  (func (export "_start")
    (loop
      (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
      (br 0))))
