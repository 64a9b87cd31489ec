;; Passes a string that is no UTF-8.
(component
  (import "errand:task/progress@0.1.0" (instance $progress
    (export "report"
      (func (param "done" u64) (param "total" (option u64)) (param "message" (option string))))))
  (core module $memory
    (memory (export "memory") 17)
    (data (i32.const 0) "\ff\fe\c3("))
  (core instance $memory (instantiate $memory))
  (core func $report
    (canon lower (func $progress "report") (memory (core memory $memory "memory"))))
  (core module $main
    (import "host" "report" (func $report (param i64 i32 i64 i32 i32 i32)))
    (func (export "run") (result i32)
      (call $report (i64.const 1) (i32.const 0) (i64.const 0) (i32.const 1) (i32.const 0) (i32.const 4))
      (i32.const 0)))
  (core instance $main
    (instantiate $main (with "host" (instance (export "report" (func $report))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
