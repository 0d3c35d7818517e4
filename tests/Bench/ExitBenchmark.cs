using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Bench;

/// <summary>
/// One port-output exit, round trip: the monitor's own dispatcher and bus against a C loop that only calls KVM_RUN, in turns on the same
/// vCPU.
/// </summary>
internal static class ExitBenchmark
{
    private const int ExitsPerBatch = 500;
    private const int Rounds = 300;
    private const double RatioLimit = 1.05;
    private const ushort Port = 0x10;

    private delegate long RunInC(int vcpuFd, nint run, long exits);

    /// <summary>Runs the benchmark on a thread of its own.</summary>
    /// <param name="library">The compiled C loop.</param>
    /// <param name="report">Where the figures go.</param>
    public static void Run(string library, Report report)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Measure(library, report);
            }
            catch (Exception caught) when (caught is IOException or InvalidOperationException or DllNotFoundException)
            {
                failure = caught;
            }
        })
        { Name = "vcpu0" };
        thread.Start();
        thread.Join();
        if (failure is not null)
        {
            throw new InvalidOperationException("the exit benchmark failed", failure);
        }
    }

    private static void Measure(string library, Report report)
    {
        nint handle = NativeLibrary.Load(Path.GetFullPath(library));
        RunInC runInC = Marshal.GetDelegateForFunctionPointer<RunInC>(NativeLibrary.GetExport(handle, "pio_run"));
        using TinyGuest guest = TinyGuest.Create(GuestMode.Real16, [0xE6, (byte)Port, 0xEB, 0xFC]);
        using var stop = new StopSignal();
        var ports = new IoBus();
        ports.Register(Port, 1, new PostCode(), "bench");
        var log = new BoundedLog(Serilog.Core.Logger.None);
        var tracker = new SharedRegionTracker([new(new(0), 0x4_0000)]);
        var dispatcher = new ExitDispatcher(
            0,
            ports,
            new IoBus(),
            new MapGpaRangeHandler(HypercallAbi.MapGpaRange, isOffered: true, tracker, null, log),
            new MsrHandler(
                SevMode.None,
                answersMigrationControl: false,
                UnknownMsrPolicy.GeneralProtection,
                new MigrationControl(SevMode.None, tracker),
                null,
                log),
            stop);
        var statistics = new VcpuStatistics();

        double[] ratios = new double[Rounds];
        double[] nanoseconds = new double[Rounds];
        RunInCSharp(guest.Vcpu, dispatcher, statistics);
        long allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < Rounds; round++)
        {
            // In turns, and each first as often as second, so that a drift of the machine's speed cancels out.
            bool isCFirst = (round & 1) == 0;
            double c = isCFirst ? TimeC(runInC, guest.Vcpu) : 0;
            nanoseconds[round] = TimeCSharp(guest.Vcpu, dispatcher, statistics);
            c = isCFirst ? c : TimeC(runInC, guest.Vcpu);
            ratios[round] = nanoseconds[round] / c;
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - allocatedBefore;
        Array.Sort(ratios);
        report.Add(
            "exit round trip, C# / C (median of pairs)",
            ratios[Rounds / 2],
            RatioLimit,
            "ratio",
            string.Create(
                CultureInfo.InvariantCulture,
                $"quartiles {ratios[Rounds / 4]:0.000} to {ratios[Rounds * 3 / 4]:0.000}, {nanoseconds.Min():0} ns at best"));
        report.Add(
            "exit path, bytes allocated",
            allocated,
            0,
            "B",
            string.Create(CultureInfo.InvariantCulture, $"in {Rounds * ExitsPerBatch} exits"));
    }

    private static double TimeC(RunInC runInC, KvmVcpu vcpu)
    {
        long start = Stopwatch.GetTimestamp();
        long done = runInC(vcpu.Descriptor, vcpu.RunAddress, ExitsPerBatch);
        double nanoseconds = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
        return done == ExitsPerBatch ? nanoseconds / ExitsPerBatch : throw new InvalidOperationException($"the C loop ended with {done}");
    }

    private static double TimeCSharp(KvmVcpu vcpu, ExitDispatcher dispatcher, VcpuStatistics statistics)
    {
        long start = Stopwatch.GetTimestamp();
        RunInCSharp(vcpu, dispatcher, statistics);
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / ExitsPerBatch;
    }

    /// <summary>The run loop of the monitor, as in VcpuThread.</summary>
    private static void RunInCSharp(KvmVcpu vcpu, ExitDispatcher dispatcher, VcpuStatistics statistics)
    {
        for (int done = 0; done < ExitsPerBatch;)
        {
            VcpuExit exit = vcpu.Run();
            statistics.Count(exit.Reason);
            _ = dispatcher.Dispatch(exit);
            done += exit.Reason == VcpuExitReason.Io ? 1 : 0;
        }
    }
}
