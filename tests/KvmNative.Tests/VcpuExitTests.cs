using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class VcpuExitTests
{
    private const uint NowhereAddress = 0xD000_0000;

    [KvmTheory]
    [InlineData(GuestMode.Real16)]
    [InlineData(GuestMode.Protected32)]
    [InlineData(GuestMode.Long64)]
    public void Hlt_WithoutIrqchip_Exits(GuestMode mode)
    {
        using TinyGuest guest = TinyGuest.Create(mode, c =>
        {
            c.nop();
            c.hlt();
        });
        List<VcpuExitReason> seen = [];

        GuestRunner.Run(guest, exit =>
        {
            seen.Add(exit.Reason);
            return false;
        });

        Assert.Equal([VcpuExitReason.Hlt], seen);
        Assert.Equal(TinyGuest.CodeAddress + 2, guest.Vcpu.GetRegs().Rip);
    }

    [KvmTheory]
    [InlineData(GuestMode.Protected32)]
    [InlineData(GuestMode.Long64)]
    public void TripleFault_Exits_AsShutdown(GuestMode mode)
    {
        // The interrupt descriptor table is memory full of zeros.
        using TinyGuest guest = TinyGuest.Create(mode, c => c.ud2());
        VcpuExitReason reason = VcpuExitReason.Unknown;

        GuestRunner.Run(guest, exit =>
        {
            reason = exit.Reason;
            return false;
        });

        Assert.Equal(VcpuExitReason.Shutdown, reason);
    }

    [KvmFact]
    public void InstructionThatKvmCannotEmulate_Exits_AsInternalErrorWithItsBytes()
    {
        // An x87 state save to a device: no emulator knows it.
        using TinyGuest guest = TinyGuest.Create(GuestMode.Protected32, c =>
        {
            c.mov(ebx, NowhereAddress);
            c.fnsave(__[ebx]);
            c.hlt();
        });
        VcpuExitReason reason = VcpuExitReason.Unknown;
        KvmRunEmulationFailure failure = default;
        uint subError = 0;

        GuestRunner.Run(guest, exit =>
        {
            reason = exit.Reason;
            subError = exit.InternalError.Suberror;
            failure = exit.EmulationFailure;
            return false;
        });

        Assert.Equal(VcpuExitReason.InternalError, reason);
        Assert.Equal((uint)KvmInternalError.Emulation, subError);
        Assert.Equal(subError, failure.Suberror);
        if ((failure.Flags & KvmRunEmulationFailure.InstructionBytes) != 0)
        {
            ReadOnlySpan<byte> bytes = failure.InsnBytes;
            Assert.Equal("DD33", Convert.ToHexString(bytes[..2]));
        }
    }

    [KvmFact]
    public void CodeOutsideMemory_Exits_AsInternalError()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Protected32, c =>
        {
            c.mov(eax, NowhereAddress);
            c.jmp(eax);
        });
        VcpuExitReason reason = VcpuExitReason.Unknown;

        GuestRunner.Run(guest, exit =>
        {
            reason = exit.Reason;
            return false;
        });

        Assert.Equal(VcpuExitReason.InternalError, reason);
        Assert.Equal(NowhereAddress, guest.Vcpu.GetRegs().Rip);
    }

    [KvmFact]
    public void Run_InSteadyState_AllocatesNothing()
    {
        const int ExitCount = 5000;
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c =>
        {
            Iced.Intel.Label again = c.CreateLabel();
            c.mov(ebx, NowhereAddress);
            c.Label(ref again);
            c.@out(0x10, al);
            c.@in(al, 0x11);
            c.mov(__dword_ptr[rbx], eax);
            c.mov(ecx, __dword_ptr[rbx + 4]);
            c.jmp(again);
        });
        List<long> allocated = new(Allocations.Rounds + 1);
        int exits = 0;
        int sum = 0;

        GuestRunner.Run(guest, exit =>
        {
            switch (exit.Reason)
            {
                case VcpuExitReason.Io:
                    sum += exit.Io.Port + exit.Data.Length;
                    exit.Data[0] = 1;
                    break;
                case VcpuExitReason.Mmio:
                    sum += (int)exit.Mmio.Len + exit.Data.Length;
                    exit.Data[0] = 1;
                    break;
                default:
                    return false;
            }

            exits++;
            if (exits % ExitCount == 0)
            {
                allocated.Add(GC.GetAllocatedBytesForCurrentThread());
            }

            return allocated.Count <= Allocations.Rounds;
        });

        Assert.Equal((Allocations.Rounds + 1) * ExitCount, exits);
        Assert.Equal(0, allocated.Zip(allocated.Skip(1), static (before, after) => after - before).Min());
        Assert.True(sum > 0);
    }

    [Theory]
    [InlineData(0UL, 4, 1u, true)]
    [InlineData(4095UL, 1, 1u, true)]
    [InlineData(4096UL, 0, 0u, true)]
    [InlineData(4092UL, 4, 1u, true)]
    [InlineData(4093UL, 4, 1u, false)]
    [InlineData(4096UL, 1, 1u, false)]
    [InlineData(0UL, 1, 4096u, true)]
    [InlineData(0UL, 1, 4097u, false)]
    [InlineData(0UL, 4, uint.MaxValue, false)]
    [InlineData(ulong.MaxValue, 1, 1u, false)]
    [InlineData(ulong.MaxValue - 3, 4, 1u, false)]
    public void Data_OfPortAccess_MustLieInsideTheSharedMemory(ulong offset, byte size, uint count, bool isInside)
    {
        const int Length = 4096;
        using MappedRegion shared = MappedRegion.MapAnonymous(Length);
        ref KvmRun run = ref System.Runtime.InteropServices.MemoryMarshal.AsRef<KvmRun>(shared.GetSpan(0, Length));
        run.Io.Size = size;
        run.Io.Count = count;
        run.Io.DataOffset = offset;

        if (isInside)
        {
            Assert.Equal((int)(size * count), new VcpuExit(ref run, Length, VcpuExitReason.Io).Data.Length);
        }
        else
        {
            Assert.Throws<InvalidOperationException>(() =>
            {
                ref KvmRun again = ref System.Runtime.InteropServices.MemoryMarshal.AsRef<KvmRun>(shared.GetSpan(0, Length));
                return new VcpuExit(ref again, Length, VcpuExitReason.Io).Data.Length;
            });
        }
    }

    [Theory]
    [InlineData(8u, true)]
    [InlineData(9u, false)]
    [InlineData(uint.MaxValue, false)]
    public void Data_OfMemoryAccess_HasAtMostEightBytes(uint length, bool isValid)
    {
        int Read()
        {
            KvmRun run = default;
            run.Mmio.Len = length;
            return new VcpuExit(ref run, 4096, VcpuExitReason.Mmio).Data.Length;
        }

        if (isValid)
        {
            Assert.Equal((int)length, Read());
        }
        else
        {
            Assert.Throws<InvalidOperationException>(() => Read());
        }
    }

    [Fact]
    public void Members_OfAnotherReason_Throw()
    {
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() =>
        {
            KvmRun run = default;
            return new VcpuExit(ref run, 4096, VcpuExitReason.Hlt).Io.Port;
        });

        Assert.Contains("Hlt", e.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() =>
        {
            KvmRun run = default;
            return new VcpuExit(ref run, 4096, VcpuExitReason.Shutdown).Data.Length;
        });
    }

    [Fact]
    public void Members_OfTheReason_SeeTheUnionInPlace()
    {
        KvmRun run = default;
        new VcpuExit(ref run, 4096, VcpuExitReason.Hypercall).Hypercall.Ret = 0x1234;
        Assert.Equal(0x1234UL, run.Hypercall.Ret);

        run.Msr.Index = 0x4B56_4D08;
        Assert.Equal(0x4B56_4D08u, new VcpuExit(ref run, 4096, VcpuExitReason.X86Rdmsr).Msr.Index);
        Assert.Equal(0x4B56_4D08u, new VcpuExit(ref run, 4096, VcpuExitReason.X86Wrmsr).Msr.Index);

        run.MemoryFault.Gpa = 0xABC000;
        Assert.Equal(0xABC000UL, new VcpuExit(ref run, 4096, VcpuExitReason.MemoryFault).MemoryFault.Gpa);
    }
}
