;; Grows a table by an element, for ever.
(component
  (core module $main
    (table 1 funcref)
    (func (export "run") (result i32)
      (loop
        (drop (table.grow (ref.null func) (i32.const 1)))
        (br 0))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
