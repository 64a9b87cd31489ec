;; Calls the host in each frame of an endless recursion.
(module
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $time (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func $deeper (param i32) (result i32)
    (drop (call $time (i32.const 0) (i64.const 0) (i32.const 8)))
    (i32.add (call $deeper (local.get 0)) (i32.const 1)))
  (func (export "_start")
    (drop (call $deeper (i32.const 0)))))
