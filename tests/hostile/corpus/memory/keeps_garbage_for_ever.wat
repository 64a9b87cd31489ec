;; Allocates arrays that are collected, were they not all in one list.
(component
  (core module $main
    (type $bytes (array (mut i8)))
    (type $node (struct (field (ref $bytes)) (field (ref null $node))))
    (func (export "run") (result i32)
      (local $list (ref null $node))
      (loop
        (local.set $list
          (struct.new $node (array.new_default $bytes (i32.const 65536)) (local.get $list)))
        (br 0))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
