//! `Debug` for values that must not be logged: the type's name and nothing of the value.

macro_rules! hidden_debug {
    ($type:ident) => {
        impl ::std::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!(stringify!($type), "(hidden)"))
            }
        }
    };
}
