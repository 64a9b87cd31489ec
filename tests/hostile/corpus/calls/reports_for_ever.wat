;; Reports progress with a message of 1 MiB, for ever: the host takes it over and looks at each character.
(component
  (import "errand:task/progress@0.1.0" (instance $progress
    (export "report"
      (func (param "done" u64) (param "total" (option u64)) (param "message" (option string))))))
  (core module $memory (memory (export "memory") 17))
  (core instance $memory (instantiate $memory))
  (core func $report (canon lower (func $progress "report") (memory (core memory $memory "memory"))))
  (core module $main
    (import "host" "report" (func $report (param i64 i32 i64 i32 i32 i32)))
    (func (export "run") (result i32)
      (loop
        (call $report
          (i64.const 1) (i32.const 0) (i64.const 0)
          (i32.const 1) (i32.const 0) (i32.const 1048576))
        (br 0))
      (i32.const 0)))
  (core instance $main
    (instantiate $main (with "host" (instance (export "report" (func $report))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
