module Messy exposing (..)
import Html exposing (text,div)
type Msg = Increment|Decrement
type alias Model={count:Int,name:String}
update msg model=case msg of
    Increment->{model|count=model.count+1}
    Decrement->{model|count=model.count-1}
view model=div[][text(String.fromInt model.count),text "x"]
