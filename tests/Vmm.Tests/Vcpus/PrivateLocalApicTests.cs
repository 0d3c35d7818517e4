using System.Buffers.Binary;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Vcpus;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Vcpus;

/// <summary>KVM's own local APIC, reached by addresses with the C-bit.</summary>
public sealed class PrivateLocalApicTests
{
    private const int CBit = 39;
    private const ulong Apic = (1UL << CBit) | 0xFEE0_0000;
    private const int InService = 0x100;
    private const int Requested = 0x200;

    [KvmFact]
    public void AnyOtherAddress_IsNotTaken()
    {
        using TinyGuest guest = Create();
        PrivateLocalApic apic = View(guest);

        Assert.False(apic.TryAccess(0xFEE0_0020, isWrite: false, new byte[4]));
        Assert.False(apic.TryAccess(Apic + 4096, isWrite: false, new byte[4]));
        Assert.False(apic.TryAccess(Apic - 1, isWrite: false, new byte[1]));
    }

    [KvmFact]
    public void Registers_AreThoseOfKvm()
    {
        using TinyGuest guest = Create();
        PrivateLocalApic apic = View(guest);

        Write(apic, 0xF0, 0x1FF);
        Write(apic, 0x350, 0x1_0700);
        Write(apic, 0x310, 0xAB00_0000);
        Write(apic, 0x30, 0xFFFF_FFFF);

        KvmLapicState state = guest.Vcpu.GetLapic();
        Assert.Equal(0x1FFu, Get(state, 0xF0));
        Assert.Equal(0x1_0700u, Get(state, 0x350));
        Assert.Equal(0x1FFu, Read(apic, 0xF0));
        Assert.Equal(0xAB00_0000u, Read(apic, 0x310));
        Assert.Equal(Get(state, 0x20), Read(apic, 0x20));
        Assert.Equal(Get(state, 0x30), Read(apic, 0x30));
        Assert.NotEqual(0xFFFF_FFFFu, Read(apic, 0x30));
    }

    [KvmTheory]
    [InlineData(0x4_0041u, 0u, true)]
    [InlineData(0x8_0041u, 0u, true)]
    [InlineData(0xC_0041u, 0u, false)]
    [InlineData(0x0_0041u, 0u, true)]
    [InlineData(0x0_0041u, 7u, false)]
    public void InterprocessorInterrupt_ReachesWhomItIsFor(uint command, uint destination, bool isForSelf)
    {
        using TinyGuest guest = Create();
        PrivateLocalApic apic = View(guest);
        Write(apic, 0xF0, 0x1FF);

        Write(apic, 0x310, destination << 24);
        Write(apic, 0x300, command);

        Assert.Equal(isForSelf ? 2u : 0u, Get(guest.Vcpu.GetLapic(), Requested + 0x20));
    }

    [KvmFact]
    public void EndOfInterrupt_EndsTheHighest()
    {
        using TinyGuest guest = Create();
        PrivateLocalApic apic = View(guest);
        KvmLapicState state = guest.Vcpu.GetLapic();
        Set(ref state, InService + 0x20, 1 << 3);
        Set(ref state, InService + 0x40, (1 << 5) | (1 << 2));
        guest.Vcpu.SetLapic(in state);

        Write(apic, 0xB0, 0);
        Assert.Equal(1u << 2, Read(apic, InService + 0x40));
        Write(apic, 0xB0, 0);
        Assert.Equal(0u, Read(apic, InService + 0x40));
        Assert.Equal(1u << 3, Read(apic, InService + 0x20));
        Write(apic, 0xB0, 0);
        Write(apic, 0xB0, 0);
        Assert.Equal(0u, Read(apic, InService + 0x20));
    }

    [KvmFact]
    public void EveryAccess_OfAnySize_IsAnswered()
    {
        using TinyGuest guest = Create();
        PrivateLocalApic apic = View(guest);
        uint version = Read(apic, 0x30);

        foreach (int size in (int[])[1, 2, 4, 8])
        {
            for (ulong offset = 0; offset < 4096; offset++)
            {
                byte[] data = new byte[size];
                data.AsSpan().Fill(0xCC);
                Assert.True(apic.TryAccess(Apic + offset, isWrite: false, data));
                Assert.True(size == 4 && offset % 16 == 0 || data.All(static value => value == 0), $"{size} bytes at {offset}");
                if (size != 4 || offset % 16 != 0)
                {
                    Assert.True(apic.TryAccess(Apic + offset, isWrite: true, data));
                }
            }
        }

        Assert.Equal(version, Read(apic, 0x30));
    }

    private static TinyGuest Create() =>
        TinyGuest.Create(GuestMode.Real16, static c => c.hlt(), configureVm: static vm => vm.CreateIrqChip());

    private static PrivateLocalApic View(TinyGuest guest) => new(guest.Vcpu, guest.Vm, vcpuCount: 1, CBit);

    private static uint Read(PrivateLocalApic apic, ulong register)
    {
        byte[] data = new byte[4];
        Assert.True(apic.TryAccess(Apic + register, isWrite: false, data));
        return BinaryPrimitives.ReadUInt32LittleEndian(data);
    }

    private static void Write(PrivateLocalApic apic, ulong register, uint value)
    {
        byte[] data = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        Assert.True(apic.TryAccess(Apic + register, isWrite: true, data));
    }

    private static uint Get(in KvmLapicState state, int register) =>
        BinaryPrimitives.ReadUInt32LittleEndian(((ReadOnlySpan<byte>)state.Regs)[register..]);

    private static void Set(ref KvmLapicState state, int register, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(((Span<byte>)state.Regs)[register..], value);
}
