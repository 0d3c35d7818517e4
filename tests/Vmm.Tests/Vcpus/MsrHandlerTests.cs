using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Vcpus;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Vcpus;

public sealed class MsrHandlerTests
{
    private readonly SharedRegionTracker _tracker = new([new GpaRange(new Gpa(0), 0x10_0000)]);

    [Fact]
    public void Read_OfSevStatusBySimulatedGuest_SaysSevEnabled()
    {
        KvmRunMsr msr = Read(Create(SevMode.Simulated), MsrHandler.SevStatusMsr);

        Assert.Equal(0, msr.Error);
        Assert.Equal(1u, msr.Data);
    }

    [Fact]
    public void Read_OfSevStatusByOrdinaryGuest_IsAFault() => Assert.Equal(1, Read(Create(SevMode.None), MsrHandler.SevStatusMsr).Error);

    [Fact]
    public void Write_OfReservedMigrationControlBits_IsAFaultAndChangesNothing()
    {
        MsrHandler handler = Create(SevMode.Simulated);
        Write(handler, MigrationControl.MsrIndex, 1);

        Assert.Equal(1, Write(handler, MigrationControl.MsrIndex, 3).Error);
        Assert.Equal(1u, Read(handler, MigrationControl.MsrIndex).Data);
        Assert.True(_tracker.MigrationReady);
    }

    [Fact]
    public void Write_OfZero_TakesTheReadinessBackButItWasReported()
    {
        var control = new MigrationControl(SevMode.Simulated, _tracker);

        Assert.False(control.IsReady);
        Assert.True(control.TryWrite(1));
        Assert.True(control.TryWrite(0));
        Assert.False(control.IsReady);
        Assert.True(control.WasReported);
        Assert.False(_tracker.MigrationReady);
    }

    [Fact]
    public void Unknown_MsrsAreCountedByIndexUpToABound()
    {
        MsrHandler handler = Create(SevMode.None);
        for (uint index = 0; index < 1000; index++)
        {
            Read(handler, 0x1000_0000 + index);
        }

        Write(handler, 0x1000_0000, 5);

        Assert.Equal(1001u, handler.UnknownAccesses);
        Assert.Equal(256, handler.UnknownMsrs.Count);
        Assert.Equal(new UnknownMsrCount(0x1000_0000, 1, 1), handler.UnknownMsrs[0]);
    }

    [Theory]
    [InlineData(UnknownMsrPolicy.GeneralProtection, 1)]
    [InlineData(UnknownMsrPolicy.Ignore, 0)]
    public void Unknown_MsrFollowsThePolicy(UnknownMsrPolicy policy, int error)
    {
        MsrHandler handler = Create(SevMode.None, policy);

        Assert.Equal(error, Read(handler, 0x1234).Error);
        Assert.Equal(0u, Read(handler, 0x1234).Data);
        Assert.Equal(error, Write(handler, 0x1234, 1).Error);
    }

    [Fact]
    public void Handling_AllocatesNothing()
    {
        MsrHandler handler = Create(SevMode.Simulated);

        // Once before: the runtime allocates for a thread's first use of a lock.
        MakeAccesses(handler);
        long before = GC.GetAllocatedBytesForCurrentThread();
        MakeAccesses(handler);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static void MakeAccesses(MsrHandler handler)
    {
        KvmRunMsr msr = default;
        for (uint i = 0; i < 10_000; i++)
        {
            msr.Index = i;
            handler.Read(ref msr, 0);
            msr.Index = MigrationControl.MsrIndex;
            msr.Data = i & 1;
            handler.Write(ref msr, 0);
        }
    }

    private static KvmRunMsr Read(MsrHandler handler, uint index)
    {
        KvmRunMsr msr = new() { Index = index, Data = 0xDEAD, Error = 7 };
        Assert.Equal(VcpuAction.Resume, handler.Read(ref msr, 0));
        return msr;
    }

    private static KvmRunMsr Write(MsrHandler handler, uint index, ulong value)
    {
        KvmRunMsr msr = new() { Index = index, Data = value, Error = 7 };
        Assert.Equal(VcpuAction.Resume, handler.Write(ref msr, 0));
        return msr;
    }

    private MsrHandler Create(SevMode mode, UnknownMsrPolicy policy = UnknownMsrPolicy.GeneralProtection) => new(
        mode, answersMigrationControl: true, policy, new MigrationControl(mode, _tracker), null, new BoundedLog(Serilog.Core.Logger.None));
}
