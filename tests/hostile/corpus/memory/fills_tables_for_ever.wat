;; Fills a table of 60,000 elements with one instruction, again and again.
(component
  (core module $main
    (table 60000 funcref)
    (func (export "run") (result i32)
      (loop
        (table.fill (i32.const 0) (ref.null func) (i32.const 60000))
        (br 0))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
