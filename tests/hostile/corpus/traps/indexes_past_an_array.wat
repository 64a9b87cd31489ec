;; Reads past the end of an array.
(component
  (core module $main
    (type $a (array i32))
    (memory 1)
    (func (export "run") (result i32)
      (drop (array.get $a (array.new_default $a (i32.const 3)) (i32.const 3)))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
