"""Small files that PyTorch 2.13 wrote, compressed, in base 64: a zip archive and the older format."""

import base64
import zlib


def _bytes(text):
    return zlib.decompress(base64.b64decode(text))


ARCHIVE = _bytes(
    "eNqlVktz21QUvrb8QoE8WiBpoOFRHg6kjizbsdOmsSuKCqhQRx0Yjzce1b6xNZUtH/k6oV1lYBxgB/wAhh/Anh102H"
    "dRhumKBTNddNjAki33XtmupMQJNHcs27LP9zjS/Y5d1oQIQokEOrBm0SlkOPWWuYNXGwYxUt1blqpMo6pv7YXrdduy"
    "cJ2YdqcnXnca2MGNK2adiICWdQglKzFKtovNZotAuE5sSpmq9Ylp9cSag2/2TatR6xqO0cYEOyIIE0oI7vRsp7Yjix"
    "BJJitxStqjlUYTQ9SFiKplG+SG+6EIsUqI1kgQrwj0td7tQ0KLEXhqS0NaWBP2QdQELbQPU1+1mNGnCTyjw/SX/GTm"
    "C5jVYY4jHXsXTrWoZivairXiLc5yeouChQE8q4UG8JzL8DyBeR0WeL/0mvTbHTgTxC1uUe3wAF5g4Bdd3FkCSzq8VK"
    "H3AbUMaxtedlHDrhTeVnpt3NgrvLE0vEopwwTO8YYG8Bqz8rpL+QaBN3VIVqLcSr9DYNnHec3uNMd8b3E+Gd6mfCEC"
    "K5RvednlOU8gpcMq59m2jGYPJL8327bGPGnOkwHZ9ZUZ+soyXzmXb41AXocCb7VjEwzr/C3BnxK4wN/2CO7CRU3gJ4"
    "5BSzauFv9wd6RbYN7BcGmof4OeiLDp3s/iAEo6XOZVt8xOA5Rh1bZ7AUV4hzfStYw6hivDLxt4x6xTknfH20QdwFUd"
    "3uO1uN0lt+H90W3kHWbhA9ohIqCxDpEW2YdrWoRtpQ/dLj8icF2Hcj9V1uKJvxzhk7OUmh3liWGbR0vjsKW2badtkN"
    "oOdno0VKqyGMicd6WZxo9///45c8aOyRqLKP9YY5idmmGZzU4bd4iqZI6QmbjWssxAcRf+DFOJ8JEG5lBxbODmbYJt"
    "NixU5eKT6I6WZRJiYeZhcOnhGRa92JEeptGmb6qtSqpy4QQGXNa9In0q0Qc99ujxfYk5mv/60TcL9IuFYxyt+B2lVS"
    "X5nx3dLaK7TCu+VX3INn7kGK2SX0tWlY2TXP5qfMjMPHQfPLKZaOIYDxt+DxlVKTyxhxBX/uncLxX//kOHKit+5ayq"
    "bJ6o+2p1cp8z6PRYbRzlmaBcRmT+73/X/Pj4/Cwh+XGAeQM97Jg0wXcM9utbMxuqkvqf/UhSLpdel9KFXEaWMrl1KV"
    "/Ip+W1vJTJZ+XcmlTIZvOZbF5mLu99NvdDkvpIcpchZnbs0zvmZg84D/6PCKK9A2zeh2wLaNJgDJJ4h9Cij+S+l+TA"
    "5AvyeAfJnI9Hj6CDAywI96Z+2gd/EEGB2RPEelPsx7aiAWw6iPWmz4/9LYiVg1hvfvxY9m/Gn9YR9vCEedevQWw2qO"
    "vd9zM+bCmOgukJgr3bcckH/tYDPjwoZS0WWxnFSjg/Rk4FXn92W0WFxGjMxfjE+0d0z91f3GjMxUzxerf2X2UIjCU="
)

LEGACY = _bytes(
    "eNp9k8ly00AQhrXZBkFC2Alr2B0W43hRZDaHEBJA2axcdKFcQp5YAkVyS6OEUJUqXxwCz8CBI4+RR+HKI1CVA62RMI"
    "QyqKSRZqbn678XdYVPsrv3efbH2Juvy6OFrrDwXcRxC7i8McJxXCfwqW/5bnOdBKHje8CjgTGEO65DqUuaxGs5pgfC"
    "jiHjIt3skGbovCchiFsg5Y0MLoa2H1DIaIIh4szxKGQ1yZBihu+1IadJUYQ+LXTjEouil1BeClokIK0Zx6IycOM68H"
    "kjiyc2iNO2KQgW9QPLLjQj6rih3AzI68hxW82OGZhrhJJABvEfJpR4oR8010sy6ssbuVggWpptApnkiDzr+iZdSRZl"
    "yBrDaFOrlCYVpTqh1mqKWoQci8XqRHBAyy5SONjQOE3QxG2QNVHjt+HQRzuWfZjCkA7DO2xy5AOM6HCUHQ38DThmow"
    "I7Yw/0cNxOyCcaCBR7cFLje3AqoZ6mcEaHUZYRzFq05sHZ/7HOpazzDdQo9OBCDLyYsC5RGNPhMquHbbqrcCUhpbmY"
    "ZsmYUPrpuPqXA1WtqHANHQjo4DpLQw9uxGJvJg7yFHC8xVrB8iMs/+19HuaxCfr0O/votXK1WlbgLtJ5pBeQPj6eUO"
    "9RKOowwairrtkOobRft++7fWr5N3WyrCo1pVguQSXVXE01K7HmyYSuUqjpcJ8lxfMpgQfsk5J3FB6yz5CSDjzSRDYJ"
    "TDR5PFf/xrErMcC/AOqpmhWcyDCVdMiTHkzr8JRZvXW8FsykVqtJqmV4xsLquKZFYDbdbJF1x0LIXL/znvfghQ4vmS"
    "1Z69BN0AY2Qa1YrGCN5jFeDuNdiOPlNGkbFjUpbtWlJOZlCg0d9PhXfBX//gPKzA9qLmGQM3FQHaVBZciQgpCkjdut"
    "c7tZ7s+rW8dhCm98uvh8mfq1w6fvXPoW+us/AUtmOz4="
)
