using KvmSevVmm.Bench;

if (args is not ["--pio-library", string library, "--kvmsev", string kvmsev])
{
    Console.Error.WriteLine("usage: kvmsev-bench --pio-library FILE --kvmsev FILE");
    return 64;
}

var report = new Report();
TrackerBenchmark.Run(report);
DigestBenchmark.Run(report);
ExitBenchmark.Run(library, report);
BlockBenchmark.Run(report);
NetBenchmark.Run(report);
KickBenchmark.Run(library);
StartBenchmark.Run(kvmsev, report);
return report.IsOverLimit ? 1 : 0;
