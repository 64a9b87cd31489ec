;; Allocates arrays and forgets them, for ever.
(component
  (core module $main
    (type $bytes (array (mut i8)))
    (func (export "run") (result i32)
      (loop
        (drop (array.new_default $bytes (i32.const 65536)))
        (br 0))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
