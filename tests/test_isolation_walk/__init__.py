"""One walk over every address as everyone: nobody sees what is not theirs (A71).

`scene` seeds two namespaces with marks in every text and ids of their own ranges; `walkers` are who walks; `places` says
what stands behind each address. A new address, filter or parameter without a place fails `test_walk`.
"""
