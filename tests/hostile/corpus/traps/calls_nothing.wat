;; Calls an element of a table that is none.
(component
  (core module $main
    (table 1 funcref)
    (memory 1)
    (func (export "run") (result i32)
      (call_indirect (i32.const 0))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
