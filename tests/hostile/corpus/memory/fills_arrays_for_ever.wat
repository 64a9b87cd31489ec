;; Fills an array of a million numbers with one instruction, again and again.
(component
  (core module $main
    (type $numbers (array (mut i64)))
    (func (export "run") (result i32)
      (local $numbers (ref null $numbers))
      (local.set $numbers (array.new_default $numbers (i32.const 1000000)))
      (loop
        (array.fill $numbers (local.get $numbers) (i32.const 0) (i64.const 7) (i32.const 1000000))
        (br 0))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
