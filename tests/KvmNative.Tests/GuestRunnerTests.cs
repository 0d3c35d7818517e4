using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class GuestRunnerTests
{
    [KvmFact]
    public void Run_GuestThatNeverEnds_IsStoppedAndItsRegistersShown()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c =>
        {
            Iced.Intel.Label again = c.CreateLabel();
            c.mov(r13, 0x0123_4567_89AB_CDEF);
            c.Label(ref again);
            c.jmp(again);
        });

        GuestDeadlineException e = Assert.Throws<GuestDeadlineException>(() =>
            GuestRunner.Run(guest, _ => true, TimeSpan.FromMilliseconds(200)));

        Assert.Contains("did not end within 0.2 s", e.Message, StringComparison.Ordinal);
        Assert.Contains("r13=0123456789abcdef", e.Message, StringComparison.Ordinal);
        Assert.Contains("rip=000000000000100a", e.Message, StringComparison.Ordinal);
    }

    [KvmFact]
    public void Run_HandlerThatThrows_FailsTheTest()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c => c.hlt());

        InvalidDataException e = Assert.Throws<InvalidDataException>(() =>
            GuestRunner.Run(guest, exit => throw new InvalidDataException(exit.Reason.ToString())));

        Assert.Equal(nameof(VcpuExitReason.Hlt), e.Message);
    }

    [KvmFact]
    public void Run_VcpuThread_HasItsName()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c => c.hlt());
        string name = "";

        GuestRunner.Run(guest, _ =>
        {
            name = ThreadName.GetCurrent();
            return false;
        });

        Assert.Equal("vcpu-0", name);
    }
}
