from hilbert.pipeline.cli import main

main()
