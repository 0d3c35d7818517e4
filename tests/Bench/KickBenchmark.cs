using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Iced.Intel;
using KvmSevVmm.TestSupport;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.Bench;

/// <summary>
/// What a notification costs a guest: its write to QueueNotify alone, and with the wait until the device's thread has answered. The unit is
/// one exit of the C loop.
/// </summary>
internal static class KickBenchmark
{
    private const uint Window = 0xD000_0000;
    private const uint Notify = Window + 0x50;
    private const ulong RamBytes = 4 << 20;
    private const int KicksPerExit = 100;
    private const int Rounds = 100;
    private const byte Port = 0x10;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    private delegate long RunInC(int vcpuFd, nint run, long exits);

    /// <summary>Runs the benchmarks.</summary>
    /// <param name="library">The compiled C loop.</param>
    public static void Run(string library)
    {
        RunInC runInC = Marshal.GetDelegateForFunctionPointer<RunInC>(
            NativeLibrary.GetExport(NativeLibrary.Load(Path.GetFullPath(library)), "pio_run"));
        double exit = Measure(runInC, static c =>
        {
            Label again = c.CreateLabel();
            c.Label(ref again);
            c.@out(Port, al);
            c.jmp(again);
        });

        // The guest leaves once for every hundred kicks.
        double kick = (Measure(runInC, static c => Kicks(c, waits: false)) - exit) / KicksPerExit;
        double answer = (Measure(runInC, static c => Kicks(c, waits: true)) - exit) / KicksPerExit;
        Report.Tell("queue kick, the guest's cost / C exit", kick / exit, "ratio", string.Create(
            CultureInfo.InvariantCulture, $"{kick:0} ns, an exit {exit:0} ns (medians of {Rounds})"));
        Report.Tell("queue kick, until the answer is seen / C exit", answer / exit, "ratio", string.Create(
            CultureInfo.InvariantCulture, $"{answer:0} ns: ioeventfd, the device's thread, 16 random bytes; the guest polls"));
    }

    /// <summary>Makes a chain available, notifies, and waits for it if asked to; a hundred times between two exits.</summary>
    private static void Kicks(Assembler c, bool waits)
    {
        Label again = c.CreateLabel();
        Label kick = c.CreateLabel();
        Label wait = c.CreateLabel();
        c.xor(ebx, ebx);
        c.xor(eax, eax);
        c.Label(ref again);
        c.mov(ecx, KicksPerExit);
        c.Label(ref kick);
        if (waits)
        {
            c.inc(bx);
            c.mov(__word_ptr[(int)VirtioDriver.Available(0) + 2], bx);
        }

        c.mov(__dword_ptr[Notify], eax);
        if (waits)
        {
            c.Label(ref wait);
            c.pause();
            c.cmp(__word_ptr[(int)VirtioDriver.Used(0) + 2], bx);
            c.jne(wait);
        }

        c.dec(ecx);
        c.jnz(kick);
        c.@out(Port, al);
        c.jmp(again);
    }

    /// <summary>Nanoseconds from one exit to the next, median.</summary>
    private static double Measure(RunInC runInC, Action<Assembler> code)
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Protected32, code, RamBytes);
        GuestLayout layout = GuestLayout.Create(RamBytes, 40);

        // Not disposed: the mapping is the guest's.
        var memory = new GuestMemory(layout, new GuestRegion(layout.LowRam, guest.Memory, 0), null);
        using var loop = new EventLoop("io");
        using var interrupt = new RecordingPulse();
        using var transport = new VirtioMmioTransport(
            new VirtioRng("rng"), memory, new SharedMemoryGuard(memory, null), interrupt, loop, new BoundedLog(Serilog.Core.Logger.None));
        var driver = new VirtioDriver(transport, memory);

        // Every entry of the available ring names chain 0; without the event index and with interrupts off the guest has only to count.
        driver.Start(features: driver.ReadFeatures() & ~(1UL << 29));
        driver.SetChain(0, 0, new DriverBuffer(0x20_0000, 16, true));
        memory.Write(new Gpa(VirtioDriver.Available(0)), (ushort)1);
        guest.Vm.AssignIoEventFd(transport.GetKick(0), Notify, 4, isPio: false, 0);
        loop.Start();

        double[] nanoseconds = new double[Rounds];
        Exception? failure = null;
        var vcpu = new Thread(() =>
        {
            try
            {
                for (int round = -1; round < Rounds; round++)
                {
                    long start = Stopwatch.GetTimestamp();
                    long done = runInC(guest.Vcpu.Descriptor, guest.Vcpu.RunAddress, 1);
                    double elapsed = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
                    nanoseconds[Math.Max(round, 0)] =
                        done == 1 ? elapsed : throw new InvalidOperationException($"the C loop ended with {done}");
                }
            }
            catch (InvalidOperationException caught)
            {
                failure = caught;
            }
        })
        { Name = "vcpu0", IsBackground = true };
        vcpu.Start();
        if (!vcpu.Join(Deadline))
        {
            Environment.FailFast("the guest of the kick benchmark waits for ever");
        }

        loop.End();
        Array.Sort(nanoseconds);
        return failure is null ? nanoseconds[Rounds / 2] : throw new InvalidOperationException("the kick benchmark failed", failure);
    }
}
