module okra

go 1.25
