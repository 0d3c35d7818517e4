using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>The few bytes of a BIOS that a guest may still jump to: code at F000:FFF0 that resets the machine.</summary>
/// <remarks>
/// Linux takes a hardware-reduced ACPI machine for one with EFI, and reboots it by EFI; without EFI it then goes back to real mode and
/// jumps here, and never comes to the reset register (Linux, arch/x86/kernel/reboot.c). Zeros here would be executed for ever.
/// </remarks>
internal static class ResetVector
{
    private const int Offset = 0xFF0;

    // mov dx, 0xCF9; mov al, 6; out dx, al; hlt; jmp to the hlt
    private static ReadOnlySpan<byte> Code => [0xBA, 0xF9, 0x0C, 0xB0, 0x06, 0xEE, 0xF4, 0xEB, 0xFD];

    /// <summary>Writes the code, and zeros before it to the start of its page.</summary>
    /// <param name="memory">The guest's RAM.</param>
    internal static GpaRange Write(GuestMemory memory)
    {
        GpaRange range = new(new Gpa(GuestLayout.ResetVectorPageAddress), GuestPage.Size);
        memory.Clear(range);
        memory.Write(range.Start + Offset, Code);
        return range;
    }
}
